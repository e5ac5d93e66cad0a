extension Page {
    /// The first part of the script: what comes of a request becomes a time line.
    static let streamScript = #"""
        // What a request is told while it runs: NDJSON records of gatherd, or at the end the Server-Timing field of a
        // plain answer.

        /** Calls `take` with each line of a body as it comes. */
        async function readLines(body, take) {
            const reader = body.pipeThrough(new TextDecoderStream()).getReader()
            let rest = ""
            for (;;) {
                const { done, value } = await reader.read()
                if (done) break
                const lines = (rest + value).split("\n")
                rest = lines.pop()
                for (const line of lines) if (line) take(line)
            }
            if (rest) take(rest)
        }

        /** The calls of a gather, or the tasks of /tasks, as far as they have been told of. */
        class Timeline {
            /** @param {{name: string, label?: string}[]} rows those that are known beforehand, in their order. */
            constructor(rows) {
                this.rows = new Map(rows.map(row => [row.name, { ...row, attempts: [] }]))
                this.end = null
                this.path = []
                this.summary = null
                this.origin = null
            }

            row(name) {
                if (!this.rows.has(name)) this.rows.set(name, { name, attempts: [] })
                return this.rows.get(name)
            }

            /** Milliseconds since the gather began, by the clock of the page; at its end by the service's. */
            now() {
                if (this.end !== null) return this.end
                return this.origin === null ? 0 : performance.now() - this.origin
            }

            take(record) {
                if (this.origin === null) this.origin = performance.now() - (record.start_ms ?? 0)
                if (record.start !== undefined) {
                    Object.assign(this.row(String(record.start)), { start: record.start_ms, after: record.after ?? null })
                } else if (record.attempt !== undefined) {
                    this.takeAttempt(record)
                } else if (record.call !== undefined) {
                    const row = this.row(record.call)
                    // Where outcomes are not disclosed, the record's arrival is all that is known.
                    const start = record.start_ms ?? row.start
                    const end = record.duration_ms === undefined ? this.now() : (start ?? 0) + record.duration_ms
                    const { outcome = "ok", status, detail, phases } = record
                    Object.assign(row, { outcome, status, detail, phases, start, end, isSent: start !== undefined })
                } else if (record.task !== undefined) {
                    const row = this.row(String(record.task))
                    const outcome = record.outcome === "done" ? "ok" : record.outcome
                    Object.assign(row, { start: record.start_ms, end: record.end_ms, outcome, isSent: record.start_ms !== undefined })
                } else if (record.gather !== undefined) {
                    this.summary = record.gather
                    this.end = record.gather.duration_ms ?? this.now()
                    this.path = record.gather.critical_path ?? []
                } else if (record.mode !== undefined) {
                    this.summary = record
                    this.end = record.total_ms
                }
            }

            takeAttempt(record) {
                const attempts = this.row(record.attempt).attempts
                const known = attempts.find(attempt => attempt.number === record.number)
                if (known) Object.assign(known, record)
                else attempts.push(record)
            }

            /** What a plain answer tells: `customer;dur=10.5;start=0.0;desc=ok, …`. */
            takeServerTiming(field, milliseconds) {
                for (const entry of field.split(",")) {
                    const [name, ...parameters] = entry.trim().split(";")
                    const values = Object.fromEntries(parameters.map(text => text.trim().split("=")))
                    const start = values.start === undefined ? undefined : Number(values.start)
                    Object.assign(this.row(name), {
                        start, outcome: values.desc, isSent: start !== undefined,
                        end: (start ?? 0) + Number(values.dur ?? 0),
                    })
                }
                const ends = [...this.rows.values()].filter(row => row.isSent).map(row => row.end)
                this.end = Math.max(0, ...ends) || milliseconds
            }

            /** For each call that has started, the one that it waited for longest; `waits` has those that the plan names. */
            linkByPlan(waits) {
                for (const row of this.rows.values()) {
                    const inputs = (waits.get(row.name) ?? []).map(name => this.rows.get(name)).filter(input => input?.end !== undefined)
                    inputs.sort((a, b) => b.end - a.end)
                    row.after ??= inputs[0]?.name ?? null
                }
                const sent = [...this.rows.values()].filter(row => row.isSent && row.outcome !== "cancelled")
                let row = sent.sort((a, b) => b.end - a.end)[0]
                for (this.path = []; row && !this.path.includes(row.name); row = this.rows.get(row.after)) {
                    if (row.isSent) this.path.unshift(row.name)
                }
            }

            /** How long all of them took together, with what those that run have taken so far. */
            sum() {
                let sum = 0
                for (const row of this.rows.values()) {
                    if (row.start !== undefined) sum += Math.max(0, (row.end ?? this.now()) - row.start)
                }
                return sum
            }
        }

        """#
}
