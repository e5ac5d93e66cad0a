extension Page {
    /// The second part: a time line becomes bars, and a table.
    static let drawingScript = #"""
        // A timeline as bars, and the same as a table. Texts of others go in as text nodes only.

        /** An element with properties and children; `null` children are left out. */
        function element(tag, properties = {}, ...children) {
            const { attributes = {}, ...rest } = properties
            const made = Object.assign(document.createElement(tag), rest)
            for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value)
            made.append(...children.filter(child => child !== null && child !== undefined))
            return made
        }

        const failures = new Set(["http_error", "timeout", "unreachable", "bad_response", "refused", "shed", "failed"])
        const words = {
            ok: "ok", http_error: "HTTP error", timeout: "timed out", unreachable: "unreachable", bad_response: "bad response",
            refused: "breaker open", shed: "no slot", skipped: "skipped", cancelled: "cancelled", failed: "failed", not_started: "never began",
        }
        const milliseconds = time => time === undefined || time === null ? "" : `${time < 100 ? time.toFixed(1) : Math.round(time)} ms`

        /** What a call or an attempt did from its beginning to its end, as far as that is known, in its order. */
        function phasesOf({ phases, start, end }) {
            if (!phases || start === undefined || end === undefined) return []
            const { queued_ms = 0, dns_ms = 0, connect_ms = 0, tls_ms = 0, first_byte_ms, last_byte_ms, shaping_ms = 0 } = phases
            const answered = first_byte_ms ?? end - start - queued_ms
            const steps = [
                ["queue", "waited for a slot", queued_ms], ["dns", "looked the host up", dns_ms], ["connect", "connected", connect_ms],
                ["tls", "secured it with TLS", tls_ms], ["answer", "waited for the first byte", answered - dns_ms - connect_ms - tls_ms],
                ["body", "received the rest", (last_byte_ms ?? answered) - answered], ["shaping", "checked and shaped it", shaping_ms],
            ]
            let from = start
            return steps.map(([name, text, length]) => {
                const to = Math.min(end, from + Math.max(0, length))
                const phase = { name, from, to, text: `${text} for ${milliseconds(to - from)}` }
                from = to
                return phase
            }).filter(phase => phase.to - phase.from >= 0.05)
        }

        const endOf = ({ start_ms: start, duration_ms: duration }) => duration === undefined ? undefined : start + duration

        /** What a call did, in words; each attempt, if there were several. */
        function phasesInWords(row) {
            const told = phases => phases.map(phase => phase.text).join(", ")
            if (row.attempts.length <= 1) return told(phasesOf(row))
            return row.attempts.map(attempt => [attempt.kind, told(phasesOf({ phases: attempt.phases, start: attempt.start_ms, end: endOf(attempt) }))])
                .filter(([, text]) => text).map(([kind, text]) => `${kind}: ${text}`).join("; ")
        }

        /** The least round length of an axis that has room for a time. */
        function roundUp(time) {
            const least = Math.max(time, 20)
            const power = 10 ** Math.floor(Math.log10(least))
            return [1, 1.2, 1.6, 2, 2.4, 3, 4, 5, 6, 8, 10].map(step => step * power).find(step => step >= least)
        }

        /** What a call came to, in a word or two. */
        function ending(row) {
            if (row.outcome === undefined) return row.start === undefined ? "waits" : "runs"
            if (row.outcome === "http_error" && row.status) return `status ${row.status}`
            return words[row.outcome] ?? row.outcome
        }

        /** Draws timelines into an element; all rows have one scale. */
        class Picture {
            /**
             * @param comparison whether the calls are drawn one after the other as well.
             * @param tellsPhases whether a strip below each bar shows what its call did.
             */
            constructor(place, { comparison = true, tellsPhases = false } = {}) {
                this.place = place
                this.comparison = comparison
                this.tellsPhases = tellsPhases
                this.isAsked = false
            }

            /** Draws a timeline, and draws it again for as long as something in it grows. */
            show(timeline, { deadline = null, scale = 0 } = {}) {
                this.timeline = timeline
                this.deadline = deadline
                this.leastScale = scale
                this.scale = 0
                this.draw()
            }

            draw() {
                this.drawNow()
                const stands = this.timeline.end !== null || this.timeline.origin === null
                if (this.isAsked || stands || matchMedia("(prefers-reduced-motion: reduce)").matches) return
                this.isAsked = true
                requestAnimationFrame(() => { this.isAsked = false; this.draw() })
            }

            drawNow() {
                const { timeline } = this
                const now = timeline.now()
                const needed = Math.max(this.comparison ? timeline.sum() : 0, now, this.leastScale)
                this.scale = timeline.end === null ? Math.max(this.scale, roundUp(needed)) : roundUp(needed)
                const critical = new Set(timeline.path)
                const rows = [...timeline.rows.values()].map(row => this.row(row, now, critical.has(row.name)))
                const parts = [this.axis(), ...rows]
                if (this.comparison && timeline.end !== null) parts.push(element("div", { className: "rule" }), this.inTurn(), this.gathered())
                this.place.replaceChildren(...parts)
                this.place.classList.toggle("settling", timeline.end !== null)
                this.drawLinks(critical)
                this.drawDeadline()
            }

            percent(time) { return `${100 * Math.min(1, Math.max(0, time / this.scale))}%` }

            bar(start, end, className = "") {
                const bar = element("span", { className: `bar ${className}` })
                bar.style.left = this.percent(start)
                bar.style.width = `${100 * Math.max(0, Math.min(end, this.scale) - start) / this.scale}%`
                return bar
            }

            line(className, name, value, ...track) {
                return element("div", { className: `row ${className}` },
                    element("span", { className: "name", title: name, textContent: name }),
                    element("span", { className: "track" }, ...track),
                    element("span", { className: "value", textContent: value }))
            }

            row(row, now, isCritical) {
                const isBad = failures.has(row.outcome)
                const classes = [isCritical && "critical", isBad && "bad", row.start !== undefined && row.outcome === undefined && "running"]
                const name = row.label ?? row.name
                const isOk = row.outcome === "ok"
                const value = isOk ? milliseconds(row.end - row.start) : row.outcome === undefined
                    ? (row.start === undefined ? "" : milliseconds(Math.max(0, now - row.start))) : ending(row)
                const line = this.line(classes.filter(Boolean).join(" "), name, value)
                const track = line.querySelector(".track")
                track.dataset.call = row.name
                const isShort = row.start === undefined || (row.end !== undefined && row.end - row.start < this.scale / 100)
                if (isShort && row.outcome !== undefined && row.detail) {
                    track.append(element("span", { className: "note", textContent: row.detail }))
                }
                if (row.start === undefined) {
                    if (row.outcome === "skipped") track.classList.add("unsent")
                } else if (row.attempts.length > 1) {
                    this.drawAttempts(track, row, now)
                } else {
                    const kind = isBad ? "bad" : ["cancelled", "skipped"].includes(row.outcome) ? "cut" : ""
                    track.append(this.bar(row.start, row.end ?? Math.max(now, row.start), kind))
                    this.drawPhases(track, row)
                }
                track.classList.toggle("phased", track.querySelector(".phase") !== null)
                if (row.detail) line.title = row.detail
                return line
            }

            /** A strip below the bar of a call or an attempt whose phases are known. */
            drawPhases(track, what, top = 0) {
                if (!this.tellsPhases) return
                for (const { name, text, from, to } of phasesOf(what)) {
                    const strip = this.bar(from, to, `phase ${name}`)
                    strip.style.top = `${top + 0.75}rem`
                    strip.title = text
                    track.append(strip)
                }
            }

            /** A bar for each attempt, below one another. */
            drawAttempts(track, row, now) {
                const height = this.tellsPhases ? 1.4 : 0.85
                row.attempts.forEach((attempt, index) => {
                    const kind = failures.has(attempt.outcome) ? "bad" : attempt.outcome === "cancelled" ? "cut" : ""
                    const bar = this.bar(attempt.start_ms, endOf(attempt) ?? row.end ?? Math.max(now, attempt.start_ms), kind)
                    bar.style.top = `${index * height}rem`
                    bar.style.height = this.tellsPhases ? ".7rem" : ".75rem"
                    bar.title = `${attempt.kind} ${attempt.number}`
                    track.append(bar)
                    this.drawPhases(track, { phases: attempt.phases, start: attempt.start_ms, end: endOf(attempt) }, index * height)
                })
                track.style.minHeight = `${row.attempts.length * height}rem`
            }

            axis() {
                const ticks = [0, 0.25, 0.5, 0.75, 1].map(part => {
                    const time = this.scale * part
                    const text = time >= 1000 ? `${+(time / 1000).toFixed(2)} s` : `${+time.toFixed(1)}${part === 1 ? " ms" : ""}`
                    const tick = element("span", { className: "tick", textContent: text })
                    tick.style.left = `${100 * part}%`
                    return tick
                })
                return element("div", { className: "axis" }, element("span", { className: "name" }),
                    element("span", { className: "track" }, ...ticks), element("span", { className: "value" }))
            }

            /** All calls, each beginning at the end of the one before. */
            inTurn() {
                const sent = [...this.timeline.rows.values()].filter(row => row.start !== undefined && row.end !== undefined)
                sent.sort((a, b) => a.start - b.start)
                let from = 0
                const bars = sent.map(row => {
                    const bar = this.bar(from, from + row.end - row.start)
                    bar.title = row.label ?? row.name
                    from += row.end - row.start
                    return bar
                })
                return this.line("ghost", "one by one", milliseconds(this.timeline.sum()), ...bars)
            }

            gathered() { return this.line("critical", "gathered", milliseconds(this.timeline.end), this.bar(0, this.timeline.end)) }

            /** A line from the end of each call to the start of those that waited for it longest. */
            drawLinks(critical) {
                const tracks = new Map([...this.place.querySelectorAll("[data-call]")].map(track => [track.dataset.call, track]))
                const outer = this.place.getBoundingClientRect()
                for (const row of this.timeline.rows.values()) {
                    const [from, to] = [tracks.get(row.after), tracks.get(row.name)]
                    if (!from || !to || row.start === undefined) continue
                    const [above, below] = [from.getBoundingClientRect(), to.getBoundingClientRect()]
                    const link = element("span", { className: critical.has(row.name) && critical.has(row.after) ? "link critical" : "link" })
                    const [top, bottom] = above.top < below.top ? [above.bottom, below.top] : [below.bottom, above.top]
                    this.put(link, to, row.start, top - outer.top, bottom - top)
                }
            }

            drawDeadline() {
                const { deadline, scale } = this
                const tracks = [...this.place.querySelectorAll("[data-call]")]
                if (deadline === null || deadline > scale || tracks.length === 0) return
                const outer = this.place.getBoundingClientRect()
                const [first, last] = [tracks[0].getBoundingClientRect(), tracks.at(-1).getBoundingClientRect()]
                const line = element("span", { className: "deadline", title: `deadline ${milliseconds(deadline)}` })
                this.put(line, tracks[0], deadline, first.top - outer.top - 4, last.bottom - first.top + 8)
            }

            /** Places something at a time of a track, from a height on. */
            put(mark, track, time, top, height) {
                const [outer, inner] = [this.place.getBoundingClientRect(), track.getBoundingClientRect()]
                mark.style.left = `${inner.left - outer.left - this.place.clientLeft + inner.width * Math.min(1, time / this.scale)}px`
                mark.style.top = `${top - this.place.clientTop}px`
                mark.style.height = `${Math.max(0, height)}px`
                this.place.append(mark)
            }
        }

        /** The rows of a timeline for a table. */
        function tableRows(timeline, { tellsPhases = false } = {}) {
            const critical = new Set(timeline.path)
            return [...timeline.rows.values()].map(row => element("tr", {},
                element("th", { textContent: row.label ?? row.name, attributes: { scope: "row" } }),
                ...[
                    ending(row), milliseconds(row.start),
                    row.start !== undefined && row.end !== undefined ? milliseconds(row.end - row.start) : "", row.after ?? "",
                    critical.has(row.name) ? "yes" : "", attemptsInWords(row), ...(tellsPhases ? [phasesInWords(row)] : []), row.detail ?? "",
                ].map(text => element("td", { textContent: text }))))
        }

        function attemptsInWords(row) {
            return row.attempts.map(attempt => `${attempt.kind}: ${words[attempt.outcome] ?? "runs"}`).join(", ")
        }

        """#
}
