import JSONText

extension Page {
    /// The page: readable without its script, which adds what can be tried on it.
    ///
    /// - Parameters:
    ///   - entries: the list of what there is to try from a terminal.
    ///   - plan: the endpoints as JSON, for the script.
    static func markup(entries: [String], plan: [UInt8]) -> String {
        #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>gatherd: see a gather run</title>
        <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%230b3f82'/%3E%3Cpath d='M3 4h6M6 8h7M6 12h4' stroke='%23fff' stroke-width='2'/%3E%3C/svg%3E">
        <link rel="stylesheet" href="gatherd.css">
        <script type="module" src="gatherd.js"></script>
        </head>
        <body>
        <main>
        <h1>One request, many calls,<br>the time of the longest chain.</h1>
        <p class="lead">gatherd answers one request by calling many services at once.</p>

        <section id="gather" data-needs-script hidden aria-labelledby="gather-title">
        <h2 id="gather-title">A gather, as it runs</h2>
        <p class="lead">Each bar is a call to a service. It begins the moment the values that it needs exist, so bars that need nothing of each
        other lie side by side. Look at the calls with bold names: each of them waited for the one before, and together they are the time of the
        answer. Slow down one of the others, and the answer takes no longer, until that call is the longest; slow down a bold one, and
        everything moves. Then have one fail, and see which calls are never sent. The grey bar is the same calls one by one: what they would cost
        if each waited for the one before.</p>
        <form id="gather-form">
        <div class="bar-of-controls">
        <label class="wide"><span>Endpoint</span><select id="endpoint"></select></label>
        <span id="form-of-answer"><label class="inline"><input type="checkbox" id="as-stream" checked> report each call while it runs</label></span>
        <button type="submit">Gather</button>
        </div>
        <div class="sides">
        <div>
        <figure>
        <div id="gather-picture" class="picture" role="img" aria-label="The calls of the gather as bars on one time line. The same is in the table below."></div>
        </figure>
        \#(Page.key)
        <p id="gather-say" class="say" role="status"></p>
        \#(Page.table("gather-table", of: "Call"))
        <h3 id="controls-title">What to change</h3>
        <div id="controls" class="controls" role="group" aria-labelledby="controls-title"></div>
        <div id="body-place"></div>
        </div>
        <div>
        <h3 id="command-title">The request</h3>
        <pre class="command" tabindex="0" role="region" aria-labelledby="command-title"><code id="command"></code></pre>
        <h3 id="answer-title">The answer, with its fields</h3>
        <pre id="answer" class="answer" tabindex="0" role="region" aria-labelledby="answer-title"></pre>
        </div>
        </div>
        </form>
        </section>

        <section id="tasks" data-needs-script hidden aria-labelledby="tasks-title">
        <h2 id="tasks-title">Tasks that only sleep</h2>
        <p class="lead">The same without any service: tasks that sleep, on one thread. Waiting side by side costs the longest of them, one after
        the other costs all of them together. A task that computes holds the thread, and then the others wait for its end.</p>
        <form id="tasks-form">
        <div class="bar-of-controls">
        <label class="wide"><span>Sleeps; 600ms:fail is one that fails</span><input type="text" id="sleep" value="300ms,600ms,900ms" spellcheck="false" autocomplete="off"></label>
        <label><span>Computes</span><input type="text" id="compute" value="" placeholder="200ms" spellcheck="false" autocomplete="off"></label>
        <label><span>Waits for</span><select id="mode">
        <option value="gather">all (gather)</option>
        <option value="wait-first">the first to end (wait-first)</option>
        <option value="as-completed">each as it ends (as-completed)</option>
        <option value="race">the first to succeed (race)</option>
        <option value="timeout">all, for a time (timeout)</option>
        </select></label>
        <label id="timeout-place"><span>Timeout</span><input type="text" id="timeout" value="500ms" spellcheck="false" autocomplete="off"></label>
        <button type="submit">Run the tasks</button>
        </div>
        <div class="pair">
        <figure><figcaption id="tasks-caption">gather</figcaption>
        <div id="tasks-picture" class="picture" role="img" aria-label="The tasks side by side, as bars. The same is in the table below."></div></figure>
        <figure><figcaption>sequential</figcaption>
        <div id="sequential-picture" class="picture" role="img" aria-label="The tasks one after the other, as bars."></div></figure>
        </div>
        <p id="tasks-say" class="say" role="status">Press the button: both ways run at once.</p>
        <pre class="command" tabindex="0" role="region" aria-label="The request for the tasks"><code id="tasks-command"></code></pre>
        \#(Page.table("tasks-table", of: "Task"))
        </form>
        </section>

        <section aria-labelledby="try-title">
        <h2 id="try-title">To try from a terminal</h2>
        <p class="hint">\#(Welcome.streams.markup)</p>
        <ul class="endpoints">
        \#(entries.joined(separator: "\n"))
        </ul>
        </section>
        </main>
        <script type="application/json" id="plan">\#(embedded(plan))</script>
        </body>
        </html>

        """#
    }
}
