extension ConsolePage {
    /// The first part of the script: what is counted, and the plots and tables that show it.
    static let viewsScript = #"""
        // The console: records of /console/events become plots and tables. Texts of others go in as text nodes only.

        const byId = id => document.getElementById(id)
        const keptSeconds = 300
        const svgSpace = "http://www.w3.org/2000/svg"

        function drawn(tag, attributes = {}, ...children) {
            const made = document.createElementNS(svgSpace, tag)
            for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
            made.append(...children)
            return made
        }

        // MARK: Numbers in words

        const isNumber = value => value !== null && value !== undefined && Number.isFinite(value)
        const count = value => !isNumber(value) ? "" : value < 10 && value > 0 ? value.toFixed(1) : Math.round(value).toLocaleString("en")
        const percent = value => !isNumber(value) ? "" : value === 0 ? "0%" : value < 0.001 ? "<0.1%" : `${(100 * value).toFixed(value < 0.1 ? 1 : 0)}%`
        const time = value => !isNumber(value) ? "" : value >= 10000 ? `${Math.round(value / 1000)} s` : value >= 1000 ? `${(value / 1000).toFixed(2)} s`
            : value >= 100 ? `${Math.round(value)} ms` : value >= 1 || value === 0 ? `${value.toFixed(1)} ms` : `${value.toFixed(2)} ms`
        const bytes = value => value >= 2 ** 30 ? `${(value / 2 ** 30).toFixed(1)} GB` : `${Math.round(value / 2 ** 20)} MB`

        function span(seconds) {
            if (seconds < 60) return `${Math.round(seconds)} s`
            if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`
            if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`
            return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds % 86400 / 3600)} h`
        }

        // MARK: What was counted

        let bounds = []

        /** How many durations lie in which bucket. */
        class Histogram {
            constructor() { this.counts = new Map() }

            add(pairs) {
                for (const [bucket, count] of pairs) this.counts.set(bucket, (this.counts.get(bucket) ?? 0) + count)
                return this
            }

            /** The time that a share did not exceed, as if those of a bucket lay evenly in it; null if it is empty. */
            quantile(share) {
                const buckets = [...this.counts].sort((a, b) => a[0] - b[0])
                const rank = share * buckets.reduce((sum, [, count]) => sum + count, 0)
                let below = 0
                for (const [bucket, count] of buckets) {
                    if (below + count >= rank) {
                        const lower = bucket === 0 ? 0 : bounds[bucket - 1]
                        const upper = bounds[bucket] ?? lower
                        return lower + (upper - lower) * Math.max(0, rank - below) / count
                    }
                    below += count
                }
                return null
            }
        }

        /** What was counted of an endpoint or an upstream: since the process began, and second by second. */
        class Series {
            constructor(name) {
                this.name = name
                this.total = { counts: {}, latency: new Histogram() }
                this.seconds = []
            }

            addTotal(counts, latency) {
                for (const [name, count] of Object.entries(counts)) this.total.counts[name] = (this.total.counts[name] ?? 0) + count
                this.total.latency.add(latency)
            }

            addSecond(second) {
                this.addTotal(second.counts, second.latency)
                this.seconds.push(second)
                if (this.seconds.length > keptSeconds) this.seconds.shift()
                const latency = new Histogram()
                for (const { latency: pairs } of this.seconds.slice(-5)) latency.add(pairs)
                Object.assign(second, { p50: latency.quantile(0.5), p95: latency.quantile(0.95), p99: latency.quantile(0.99) })
            }

            /** The sum of some counts over this many seconds. */
            sum(names, seconds) {
                return this.seconds.slice(-seconds).reduce((sum, second) => sum + names.reduce((sum, name) => sum + (second.counts[name] ?? 0), 0), 0)
            }

            all(seconds) { return this.sum([...new Set(this.seconds.slice(-seconds).flatMap(second => Object.keys(second.counts)))], seconds) }

            mean(value, seconds) {
                const some = this.seconds.slice(-seconds)
                return some.length ? some.reduce((sum, second) => sum + value(second), 0) / (some.reduce((sum, second) => sum + second.span, 0) / 1000) : null
            }

            /** What the last minute, or without anything in it all time, says of durations. */
            latency() {
                const latency = new Histogram()
                for (const second of this.seconds.slice(-60)) latency.add(second.latency)
                const isOld = latency.counts.size === 0
                const histogram = isOld ? this.total.latency : latency
                return { isOld, p50: histogram.quantile(0.5), p95: histogram.quantile(0.95), p99: histogram.quantile(0.99) }
            }
        }

        const totalOf = counts => Object.values(counts).reduce((sum, count) => sum + count, 0)

        // MARK: Plots

        const plotted = [
            { title: "Requests per second", show: count, lines: [
                ["all", second => 1000 * totalOf(second.counts) / second.span], ["5xx", second => 1000 * (second.counts["5xx"] ?? 0) / second.span]] },
            { title: "In flight", show: count, lines: [["gathers", second => second.inFlight]] },
            { title: "Duration", show: time, lines: [["p50", second => second.p50], ["p95", second => second.p95], ["p99", second => second.p99]] },
            { title: "Errors", show: percent, least: 0.01, lines: [
                ["5xx", second => totalOf(second.counts) ? (second.counts["5xx"] ?? 0) / totalOf(second.counts) : null],
                ["4xx", second => totalOf(second.counts) ? (second.counts["4xx"] ?? 0) / totalOf(second.counts) : null]] },
        ]
        const lineNames = ["one", "two", "three"]

        class Plot {
            constructor({ title, show, lines, least = 0 }, place) {
                Object.assign(this, { title, show, lines, least })
                this.values = lines.map(() => element("strong"))
                const key = element("ul", {}, ...lines.map(([name], index) => element("li", {},
                    drawn("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, drawn("path", { d: "M0 5H26", class: `line ${lineNames[index]}` })),
                    `${name} `, this.values[index])))
                this.picture = drawn("svg", { role: "img", tabindex: "0", "aria-label": title })
                place.append(element("div", { className: "plot" }, element("h3", { textContent: title }), key, this.picture))
                this.picture.addEventListener("pointermove", event => readAt(this.secondAt(event)))
                this.picture.addEventListener("pointerleave", () => readAt(null))
                this.picture.addEventListener("blur", () => readAt(null))
                this.picture.addEventListener("keydown", event => this.move(event))
            }

            move(event) {
                const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -30, PageDown: 30, Home: -keptSeconds, End: keptSeconds }[event.key]
                if (event.key === "Escape") readAt(null)
                if (step === undefined) return
                event.preventDefault()
                const last = chosen().seconds.length - 1
                readAt(Math.max(0, Math.min(last, (reading ?? last + 1) + step)))
            }

            secondAt(event) {
                const { left, width } = this.picture.getBoundingClientRect()
                const shown = shownSeconds(chosen().seconds)
                const index = Math.floor((event.clientX - left) / width * shown) - shown + chosen().seconds.length
                return index >= 0 && index < chosen().seconds.length ? index : null
            }

            draw(seconds) {
                const { clientWidth: width, clientHeight: height } = this.picture
                if (width === 0) return
                const lines = this.lines.map(([, value]) => seconds.map(value))
                const most = Math.max(this.least, ...lines.flat().filter(isNumber))
                const scale = roundUpScale(most)
                const [top, bottom] = [14, height - 16]
                const shown = shownSeconds(seconds)
                const x = index => (index + shown - seconds.length + 0.5) / shown * width
                const y = value => bottom - (bottom - top) * value / scale
                const parts = []
                for (const part of [0, 0.5, 1]) {
                    parts.push(drawn("path", { d: `M0 ${y(part * scale)}H${width}`, class: "grid" }))
                    if (part > 0) parts.push(drawn("text", { x: 2, y: y(part * scale) - 3 }, this.show(part * scale)))
                }
                for (const [part, anchor] of [[1, "start"], [0.5, "middle"], [0, "end"]]) {
                    const text = part === 0 ? "now" : shown * part < 60 ? `${shown * part} s ago` : `${shown * part / 60} min ago`
                    parts.push(drawn("text", { x: width * (1 - part), y: height - 3, "text-anchor": anchor }, text))
                }
                lines.forEach((values, index) => {
                    let [path, isDown] = ["", false]
                    values.forEach((value, second) => {
                        if (!isNumber(value)) { isDown = false; return }
                        const isAlone = !isDown && !isNumber(values[second + 1])
                        path += `${isDown ? "L" : "M"}${x(second).toFixed(1)} ${y(value).toFixed(1)}${isAlone ? "h2" : ""}`
                        isDown = true
                    })
                    if (path) parts.push(drawn("path", { d: path, class: `line ${lineNames[index]}` }))
                })
                if (reading !== null && reading < seconds.length) parts.push(drawn("path", { d: `M${x(reading)} 0V${bottom}`, class: "cursor" }))
                this.picture.setAttribute("viewBox", `0 0 ${width} ${height}`)
                this.picture.replaceChildren(...parts)
                const moment = seconds[reading ?? seconds.length - 1]
                const words = this.lines.map(([name, value], index) => {
                    const text = (moment ? this.show(value(moment)) : "") || "–"
                    this.values[index].textContent = text
                    return `${name} ${text}`
                })
                this.picture.setAttribute("aria-label", `${this.title}: ${words.join(", ")}; at most ${this.show(most) || "0"} in what is shown`)
            }
        }

        /** How many seconds a plot is wide: more of them as more have come. */
        const shownSeconds = seconds => seconds.length <= 60 ? 60 : seconds.length <= 120 ? 120 : keptSeconds

        /** The least round number that is no less. */
        function roundUpScale(value) {
            if (value <= 0) return 1
            const power = 10 ** Math.floor(Math.log10(value))
            return [1, 1.2, 1.6, 2, 3, 4, 6, 8, 10].map(step => step * power).find(step => step >= value * 0.9999) ?? 10 * power
        }

        // MARK: Tables

        /** Rows that stay where they are while what they say changes. */
        class Rows {
            constructor(place, classes) {
                this.place = place
                this.classes = classes
                this.rows = new Map()
            }

            /** @param {[string, (object|string)[]][]} rows each with its key; a cell is a text, a node, or { text, mark }. */
            show(rows, { header } = {}) {
                const made = rows.map(([key, cells]) => {
                    let row = this.rows.get(key)
                    if (!row) {
                        const first = element("th", { attributes: { scope: "row" } }, header?.(key) ?? key)
                        first.title = first.textContent
                        row = element("tr", {}, first, ...cells.map((_, index) => element("td", { className: this.classes[index] })))
                        this.rows.set(key, row)
                    }
                    cells.forEach((cell, index) => {
                        const place = row.cells[index + 1]
                        const text = (typeof cell === "string" ? cell : cell.text) || "–"
                        if (place.textContent !== text) place.textContent = text
                        const name = `${this.classes[index]} ${text === "–" ? "missing" : cell.mark ?? ""}`.trim()
                        if (place.className !== name) place.className = name
                    })
                    return row
                })
                const isSame = made.length === this.place.children.length && made.every((row, index) => row === this.place.children[index])
                if (!isSame) this.place.replaceChildren(...made)
                for (const [key, row] of this.rows) if (!made.includes(row)) this.rows.delete(key)
            }
        }

        """#
}
