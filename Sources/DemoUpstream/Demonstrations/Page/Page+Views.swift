extension Page {
    /// The third part: the controls, the requests that they make, and what is said of the answers.
    static let viewsScript = #"""
        // The page: what is asked for, how it is sent, and what is shown of it.

        const byId = id => document.getElementById(id)
        const plan = JSON.parse(byId("plan").textContent)

        const shellWord = word => /^[\w./:=-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
        const joined = names => names.join(" → ")
        const strong = text => element("strong", { textContent: text })

        /** JSON with a line for each member, and every number as it is spelled. */
        function indented(json) {
            let [text, depth, isString] = ["", 0, false]
            const line = () => "\n" + "  ".repeat(depth)
            for (let index = 0; index < json.length; index += 1) {
                const character = json[index]
                if (isString) {
                    text += character
                    if (character === "\\") text += json[++index] ?? ""
                    else if (character === "\"") isString = false
                } else if (character === "\"") { isString = true; text += character
                } else if ("{[".includes(character)) {
                    const isEmpty = /^\s*[}\]]/.test(json.slice(index + 1, index + 50))
                    text += character
                    depth += 1
                    if (!isEmpty) text += line()
                } else if ("}]".includes(character)) {
                    depth -= 1
                    text += (/[{[]$/.test(text) ? "" : line()) + character
                } else if (character === ",") text += "," + line()
                else if (character === ":") text += ": "
                else if (!/\s/.test(character)) text += character
            }
            return text
        }

        /** A labelled control; the label is its accessible name. */
        function field(label, control, className = "field") {
            return element("label", { className }, element("span", { textContent: label }), control)
        }

        /** Sends a request, and feeds a timeline with what comes of it. */
        async function run({ method, url, headers, body, timeline, signal, answered, came }) {
            const sent = performance.now()
            const response = await fetch(url, { method, headers, body, signal, cache: "no-store", redirect: "error" })
            answered(response)
            if ((response.headers.get("content-type") ?? "").startsWith("application/x-ndjson")) {
                await readLines(response.body, line => {
                    timeline.take(JSON.parse(line))
                    came(line + "\n")
                })
                return
            }
            const text = await response.text()
            const timing = response.headers.get("server-timing")
            if (timing) timeline.takeServerTiming(timing, performance.now() - sent)
            came(/json/.test(response.headers.get("content-type") ?? "") ? indented(text) : text)
        }

        // MARK: A gather

        class GatherView {
            constructor() {
                this.picture = new Picture(byId("gather-picture"))
                this.choice = byId("endpoint")
                plan.endpoints.forEach((endpoint, index) =>
                    this.choice.append(element("option", { value: index, textContent: `${endpoint.method} ${endpoint.path}` })))
                this.choice.addEventListener("change", () => this.choose(true))
                byId("gather-form").addEventListener("submit", event => { event.preventDefault(); this.run() })
                byId("gather-form").addEventListener("input", () => this.tellCommand())
                const dashboard = plan.endpoints.findIndex(endpoint => endpoint.stream && endpoint.method === "GET")
                this.choice.value = Math.max(0, dashboard)
                this.choose(true)
            }

            get endpoint() { return plan.endpoints[this.choice.value] }

            /** Makes the controls of an endpoint, and shows what it does where a request changes nothing. */
            choose(runs) {
                const { endpoint } = this
                this.inputs = { path: new Map(), query: new Map(), headers: new Map(), body: null }
                const parts = []
                for (const [, name] of endpoint.path.matchAll(/\{([^}]*)\}/g)) {
                    parts.push(this.text("path", name, `{${name}} in the path`, "1"))
                }
                const rest = new Set(endpoint.query)
                for (const call of endpoint.calls) {
                    const [delay, fail] = [`delay_${call.name}`, `fail_${call.name}`]
                    if (!rest.has(delay) && !rest.has(fail)) continue
                    parts.push(element("fieldset", {}, element("legend", { textContent: call.name, title: call.name }),
                        rest.delete(delay) ? this.delay(delay, call.name) : null, rest.delete(fail) ? this.fault(fail, call.name) : null))
                }
                for (const name of rest) parts.push(this.text("query", name, `${name} in the query`))
                for (const name of endpoint.headers) parts.push(this.text("headers", name, `field ${name}`))
                byId("controls").replaceChildren(...parts)
                byId("controls-title").hidden = parts.length === 0
                const bodyPlace = byId("body-place")
                bodyPlace.replaceChildren()
                if (endpoint.body !== undefined) {
                    this.inputs.body = element("textarea", { value: endpoint.body, spellcheck: false, rows: 5 })
                    bodyPlace.append(field("body of the request", this.inputs.body))
                }
                byId("form-of-answer").hidden = !endpoint.stream
                this.tellCommand()
                this.stop()
                const canRun = runs && endpoint.method === "GET"
                if (canRun) this.run()
                else this.showNothing()
            }

            text(kind, name, label, value = "") {
                const input = element("input", { type: "text", value, spellcheck: false, autocomplete: "off" })
                this.inputs[kind].set(name, () => input.value)
                return field(label, input)
            }

            delay(name, call) {
                const most = Math.max(400, Math.ceil(this.endpoint.deadline_ms * 1.2 / 100) * 100)
                const shown = element("output", { textContent: "0" })
                const input = element("input", {
                    type: "range", min: 0, max: most, step: 20, value: 0, attributes: { "aria-label": `${call}: slower by, in ms` },
                })
                input.addEventListener("input", () => { shown.textContent = input.value })
                this.inputs.query.set(name, () => input.value > 0 ? `${input.value}ms` : "")
                return element("label", { className: "field" }, element("span", {}, "slower by ", shown, " ms"), input)
            }

            fault(name, call) {
                const faults = { "": "nothing", 500: "status 500", 503: "status 503", 404: "status 404", garbage: "broken JSON", slow: "no answer" }
                const input = element("select", { attributes: { "aria-label": `${call}: fails with` } },
                    ...["", "500", "503", "404", "garbage", "slow"].map(value => element("option", { value, textContent: faults[value] })))
                this.inputs.query.set(name, () => input.value)
                return field("fails with", input)
            }

            request() {
                const { endpoint, inputs } = this
                const value = (map, name) => map.get(name)?.() ?? ""
                let url = endpoint.path.replace(/\{([^}]*)\}/g, (_, name) => encodeURIComponent(value(inputs.path, name)))
                const query = [...inputs.query].map(([name, read]) => [name, read()]).filter(([, text]) => text !== "")
                if (query.length) url += "?" + query.map(pair => pair.map(encodeURIComponent).join("=")).join("&")
                const headers = [...inputs.headers].map(([name, read]) => [name, read()]).filter(([, text]) => text !== "")
                const streams = endpoint.stream && byId("as-stream").checked
                headers.unshift(["Accept", streams ? "application/x-ndjson" : "application/json"])
                const body = inputs.body?.value
                if (body !== undefined) headers.push(["Content-Type", "application/json"])
                return { method: endpoint.method, url, headers, body, streams }
            }

            tellCommand() {
                const { method, url, headers, body, streams } = this.request()
                const words = ["curl", streams ? "-iN" : "-i"]
                if (method !== "GET") words.push("-X", method)
                for (const [name, text] of headers) if (streams || name !== "Accept") words.push("-H", shellWord(`${name}: ${text}`))
                if (body !== undefined) words.push("-d", shellWord(body))
                words.push(shellWord(location.origin + url))
                byId("command").textContent = words.join(" ")
            }

            stop() {
                this.running?.abort()
                this.running = null
            }

            newTimeline() { return new Timeline(this.endpoint.calls.map(call => ({ name: call.name }))) }

            showNothing() {
                this.show(this.newTimeline())
                byId("gather-say").textContent = "Press Gather to send the request."
                byId("answer").textContent = ""
            }

            show(timeline) {
                this.picture.show(timeline, { deadline: this.endpoint.deadline_ms })
                byId("gather-table").replaceChildren(...tableRows(timeline))
            }

            async run() {
                this.stop()
                const running = this.running = new AbortController()
                const { endpoint, picture } = this
                const timeline = this.newTimeline()
                const answer = byId("answer")
                const say = byId("gather-say")
                answer.textContent = ""
                say.textContent = "The gather runs."
                let status = 0
                this.show(timeline)
                try {
                    await run({
                        ...this.request(), timeline, signal: running.signal,
                        answered: response => {
                            status = response.status
                            const fields = [...response.headers].map(([name, value]) => `${name}: ${value}\n`).join("")
                            answer.textContent = `${response.status} ${response.statusText}\n${fields}\n`
                        },
                        came: text => {
                            answer.append(text)
                            picture.draw()
                        },
                    })
                    if (timeline.path.length === 0) timeline.linkByPlan(new Map(endpoint.calls.map(call => [call.name, call.after])))
                } catch (error) {
                    if (running.signal.aborted) return
                    answer.append(`\n${error}`)
                }
                if (running.signal.aborted) return
                this.show(timeline)
                say.replaceChildren(...this.sentence(timeline, status))
            }

            sentence(timeline, status) {
                const gathered = timeline.summary?.status ?? status
                const sent = [...timeline.rows.values()].filter(row => row.isSent)
                if (timeline.end === null || sent.length === 0) {
                    return [`No call was sent: the answer is ${gathered || "missing"}${timeline.summary?.detail ? `, ${timeline.summary.detail}` : ""}.`]
                }
                const end = strong(`${Math.round(timeline.end)} ms`)
                const failed = [...timeline.rows.values()].filter(row => failures.has(row.outcome))
                const unsent = [...timeline.rows.values()].filter(row => ["skipped", "cancelled"].includes(row.outcome))
                if (gathered >= 400) {
                    return ["The gather failed with ", strong(String(gathered)), " after ", end, `: ${failed[0] ? `${failed[0].name} ended with "${ending(failed[0])}"` : timeline.summary?.detail ?? "no call failed"}`,
                        unsent.length ? `, and ${unsent.length === 1 ? "one call was" : `${unsent.length} calls were`} cancelled or never sent.` : "."]
                }
                const parts = sent.length === 1 ? ["The only call that was sent determined the time: the answer was there after ", end]
                    : ["The calls took ", strong(`${Math.round(timeline.sum())} ms`), " together; the answer was there after ", end]
                if (timeline.path.length > 1) parts.push(`, the time of the longest chain: ${joined(timeline.path)}`)
                if (failed.length) parts.push(`. Without ${failed.map(row => `${row.name} (${ending(row)})`).join(", ")}, which the answer can do without`)
                return [...parts, "."]
            }
        }

        // MARK: Tasks that only sleep

        class TasksView {
            constructor() {
                this.chosen = new Picture(byId("tasks-picture"), { comparison: false })
                this.sequential = new Picture(byId("sequential-picture"), { comparison: false })
                byId("tasks-form").addEventListener("submit", event => { event.preventDefault(); this.run() })
                byId("tasks-form").addEventListener("input", () => this.tellCommand())
                this.tellCommand()
                for (const picture of [this.chosen, this.sequential]) picture.show(this.newTimeline(), { scale: 100 })
            }

            query(mode) {
                const values = { sleep: byId("sleep").value.replaceAll(" ", ""), mode, compute: byId("compute").value.replaceAll(" ", "") }
                if (mode === "timeout") values.timeout = byId("timeout").value
                return "/tasks?" + Object.entries(values).filter(([, text]) => text).map(([name, text]) =>
                    `${name}=${encodeURIComponent(text).replaceAll("%2C", ",").replaceAll("%3A", ":")}`).join("&")
            }

            tellCommand() {
                byId("timeout-place").hidden = byId("mode").value !== "timeout"
                byId("tasks-command").textContent = `curl -N -H 'Accept: application/x-ndjson' ${shellWord(location.origin + this.query(byId("mode").value))}`
            }

            newTimeline() {
                const names = kind => byId(kind).value.split(",").map(text => text.trim()).filter(Boolean)
                const labels = [...names("sleep").map(text => `sleep ${text}`), ...names("compute").map(text => `compute ${text}`)]
                return new Timeline(labels.map((label, index) => ({ name: String(index + 1), label: `${index + 1} ${label}` })))
            }

            async run() {
                this.running?.abort()
                const running = this.running = new AbortController()
                const mode = byId("mode").value
                byId("tasks-caption").textContent = mode
                byId("tasks-say").textContent = "The tasks run."
                const runs = [[this.chosen, mode], [this.sequential, "sequential"]].map(([picture, mode]) => ({ picture, mode, timeline: this.newTimeline() }))
                // One scale for both, which is that of the tasks one after the other.
                const times = [...byId("sleep").value.matchAll(/([\d.]+)(ms|s)/g), ...byId("compute").value.matchAll(/([\d.]+)(ms|s)/g)]
                const scale = times.reduce((sum, [, number, unit]) => sum + Number(number) * (unit === "s" ? 1000 : 1), 0)
                let problem = ""
                try {
                    await Promise.all(runs.map(({ picture, mode, timeline }) => {
                        picture.show(timeline, { scale })
                        return run({
                            method: "GET", url: this.query(mode), headers: [["Accept", "application/x-ndjson"]], timeline, signal: running.signal,
                            answered: response => { if (!response.ok) problem = `${response.status} ${response.statusText}: ` },
                            came: text => {
                                if (problem) problem += text
                                picture.draw()
                            },
                        })
                    }))
                } catch (error) {
                    problem ||= String(error)
                }
                if (running.signal.aborted) return
                byId("tasks-table").replaceChildren(...tableRows(runs[0].timeline))
                byId("tasks-say").replaceChildren(...(problem ? [problem] : this.sentence(mode, ...runs.map(run => run.timeline))))
            }

            sentence(mode, chosen, sequential) {
                const seconds = time => strong(`${(time / 1000).toFixed(2)} s`)
                const start = [`${mode}: `, seconds(chosen.end), chosen.summary.error ? ` (${chosen.summary.error})` : ""]
                return [...start, ". One after the other: ", seconds(sequential.end), sequential.summary.error ? ` (${sequential.summary.error})` : "",
                    ". Both ran on one thread."]
            }
        }

        for (const section of document.querySelectorAll("[data-needs-script]")) section.hidden = false
        if (plan.endpoints.length) new GatherView()
        else byId("gather").hidden = true
        new TasksView()

        """#
}
