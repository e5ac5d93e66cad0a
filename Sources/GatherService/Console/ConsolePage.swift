import DemoUpstream
import HTTPServer
import HTTPTypes

/// The page at `/console` of the admin listener: its markup, its style and its script, each a resource of its own.
///
/// What it shows comes from `/console/events` and `/gathers`; its script makes text of it, never markup.
enum ConsolePage {
    static var markup: Response { part(markupText, type: "text/html; charset=utf-8") }

    static var style: Response { part(Page.style + styleText, type: "text/css; charset=utf-8") }

    static var script: Response {
        part(Page.pictureScript + viewsScript + consoleScript, type: "text/javascript; charset=utf-8")
    }

    private static func part(_ text: String, type: String) -> Response {
        Response(.ok, fields: Page.fields(type: type), body: Array(text.utf8))
    }

    /// Of a picture that stands alone: it may have its own style, and loads and does nothing.
    static let pictureFields: HTTPFields = {
        var fields: HTTPFields = [
            .contentType: "image/svg+xml", .cacheControl: "no-store", .xContentTypeOptions: "nosniff",
        ]
        fields[.contentSecurityPolicy] = "script-src 'none'; img-src 'none'; font-src 'none'; sandbox"
        return fields
    }()

    private static let markupText = #"""
        <!doctype html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>gatherd console</title>
        <link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Crect width='16' height='16' rx='3' fill='%230b3f82'/%3E%3Cpath d='M3 12l3-5 3 3 4-6' stroke='%23fff' stroke-width='2' fill='none'/%3E%3C/svg%3E">
        <link rel="stylesheet" href="/console/console.css">
        <script type="module" src="/console/console.js"></script>
        </head>
        <body>
        <main>
        <header class="top">
        <h1>gatherd console</h1>
        <p id="state" class="state" role="status">Waiting for the service.</p>
        <button type="button" id="pause" aria-pressed="false">Pause</button>
        </header>
        <p id="facts" class="facts"></p>
        <noscript><p class="lead">The console needs its script. The same is told, as text, by <a href="/metrics">/metrics</a> and
        <a href="/gathers">/gathers</a>, and by <code>gatherd top</code> in a terminal.</p></noscript>

        <section aria-labelledby="traffic-title">
        <div class="heading"><h2 id="traffic-title">Traffic</h2>
        <label class="choice"><span>Endpoint</span><select id="endpoint"><option value="">all endpoints</option></select></label></div>
        <div id="plots" class="plots"></div>
        <p id="reading" class="reading" aria-live="polite">Point at a plot, or move along it with the arrow keys, to read a moment.</p>
        </section>

        <section aria-labelledby="endpoints-title">
        <h2 id="endpoints-title">Endpoints</h2>
        <div class="table" tabindex="0" role="group" aria-labelledby="endpoints-title"><table>
        <thead><tr><th scope="col">Endpoint</th><th scope="col" class="number">Requests/s</th><th scope="col" class="number">In flight</th>
        <th scope="col" class="number">p50</th><th scope="col" class="number">p95</th><th scope="col" class="number">p99</th>
        <th scope="col" class="number">5xx</th><th scope="col" class="number">4xx</th><th scope="col" class="number">Since the start</th></tr></thead>
        <tbody id="endpoints"></tbody></table></div>
        <p class="hint">Rates and requests in flight are the mean of ten seconds, percentiles and shares those of the last minute; in grey, where
        there was no request in it, those since the process began.</p>
        </section>

        <section aria-labelledby="upstreams-title">
        <h2 id="upstreams-title">Upstreams</h2>
        <div class="table" tabindex="0" role="group" aria-labelledby="upstreams-title"><table>
        <thead><tr><th scope="col">Upstream</th><th scope="col" class="number">Attempts/s</th><th scope="col" class="number">In flight</th>
        <th scope="col" class="number">Queue</th><th scope="col" class="number">p50</th><th scope="col" class="number">p95</th>
        <th scope="col" class="number">p99</th><th scope="col" class="number">Failed</th><th scope="col">Breaker</th>
        <th scope="col" class="number">Budget</th><th scope="col" class="number">Retries/s</th><th scope="col" class="number">Hedges/s</th>
        <th scope="col">Hosts</th></tr></thead>
        <tbody id="upstreams"></tbody></table></div>
        <p class="hint">Budget: what is left for retries and hedges together, in attempts. Failed: timeouts, refused connections, bad responses
        and error statuses among the attempts of the last minute. What was observed of them is a <a href="/model">model</a> for
        <code>gatherd simulate</code>, which answers what a hedge or a timeout would have done.</p>
        </section>

        <section aria-labelledby="loops-title">
        <h2 id="loops-title">Loops</h2>
        <div class="table" tabindex="0" role="group" aria-labelledby="loops-title"><table>
        <thead><tr><th scope="col">Loop</th><th scope="col" class="number">Lag</th><th scope="col" class="number">Longest lag</th>
        <th scope="col" class="number">Busy</th><th scope="col" class="number">Turn</th><th scope="col" class="number">Turns/s</th>
        <th scope="col" class="number">Jobs/s</th><th scope="col" class="number">Connections</th><th scope="col" class="number">Gathers</th></tr></thead>
        <tbody id="loops"></tbody></table></div>
        <p class="hint">A loop is one thread. Lag is how long what becomes ready has to wait; turn is the mean length of one, of the last second.</p>
        </section>

        <section aria-labelledby="gathers-title">
        <h2 id="gathers-title">Gathers</h2>
        <div class="kinds" role="group" aria-label="Which gathers">
        <button type="button" data-kind="recent" aria-pressed="true">Recent</button>
        <button type="button" data-kind="slowest" aria-pressed="false">Slowest</button>
        <button type="button" data-kind="failed" aria-pressed="false">Failed</button>
        </div>
        <div class="gathers">
        <div class="table" tabindex="0" role="group" aria-labelledby="gathers-title"><table>
        <thead><tr><th scope="col">Gather</th><th scope="col" class="number">Status</th><th scope="col" class="number">Took</th>
        <th scope="col" class="number">When</th><th scope="col">What decided</th></tr></thead>
        <tbody id="gathers"></tbody></table></div>
        <div id="detail" class="detail" hidden>
        <h3 id="detail-title" tabindex="-1"></h3>
        <p id="detail-facts" class="hint"></p>
        <div id="picture" class="picture" role="img" aria-label="The calls of the gather as bars on one time line. The same is in the table below."></div>
        \#(Page.key)
        <p class="hint">Below a bar, what its call did:</p>
        <ul class="key phases" aria-hidden="true">
        <li><span><i class="bar phase queue"></i></span>waited for a slot</li>
        <li><span><i class="bar phase dns"></i></span>looked the host up</li>
        <li><span><i class="bar phase connect"></i></span>connected</li>
        <li><span><i class="bar phase tls"></i></span>secured it with TLS</li>
        <li><span><i class="bar phase answer"></i></span>waited for the first byte</li>
        <li><span><i class="bar phase body"></i></span>received the rest</li>
        <li><span><i class="bar phase shaping"></i></span>checked and shaped it</li>
        </ul>
        <p class="links"><a id="save" download>Save as SVG</a> <a id="raw">As JSON</a> <button type="button" id="close">Close</button></p>
        \#(Page.table("calls", of: "Call", tellsPhases: true))
        </div>
        </div>
        </section>
        </main>
        </body>
        </html>

        """#
}
