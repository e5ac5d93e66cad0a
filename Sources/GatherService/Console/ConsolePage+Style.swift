extension ConsolePage {
    /// What the console adds to the style of the page at `/`. Lines of a plot differ by their dashes as well as their
    /// colours, and the phases of a call by their patterns.
    static let styleText = #"""
        :root { --one: #0b62c4; --two: #b5440f; --three: #6b2f8f }
        @media (prefers-color-scheme: dark) { :root { --one: #6db3ff; --two: #f08a4b; --three: #d5a6f0 } }
        main { max-width: 1500px; padding-top: 1.25rem }
        .top { display: flex; flex-wrap: wrap; gap: .25rem 1rem; align-items: center }
        .top h1 { font-size: 1.5rem; margin: 0 }
        .top button, .kinds button, .links button {
            background: var(--page); color: var(--critical); border: 1px solid var(--ghost); padding: .25rem .8rem; font-weight: 600
        }
        .top button[aria-pressed=true], .kinds button[aria-pressed=true] { background: var(--critical); color: var(--on-accent) }
        .state { margin: 0 auto 0 0; font-weight: 600 }
        .state::before { content: "○ "; }
        .state.live::before { content: "● "; color: var(--one) }
        .state.lost { color: var(--bad) }
        .state.lost::before { content: "▲ " }
        .facts { color: var(--soft); font-size: .9rem; font-variant-numeric: tabular-nums; min-height: 1.5em }
        section h2 { margin: 2rem 0 .5rem }
        .heading { display: flex; flex-wrap: wrap; gap: 0 1.5rem; align-items: end; margin: 1.25rem 0 .5rem }
        .heading h2 { margin: 0 }
        .choice { display: flex; gap: .5rem; align-items: center; color: var(--soft); font-size: .85rem; min-width: 0; max-width: 100% }
        .choice select { min-width: 0; padding: .15rem .4rem; font-size: .9rem }

        .plots { display: grid; gap: .9rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)) }
        .plot { border: 1px solid var(--line); border-radius: 12px; background: var(--card); padding: .6rem .8rem .4rem; min-width: 0 }
        .plot h3 { margin: 0; font-size: .95rem }
        .plot ul { display: flex; flex-wrap: wrap; gap: 0 1rem; list-style: none; margin: 0 0 .2rem; padding: 0; font-size: .82rem; color: var(--soft); font-variant-numeric: tabular-nums; min-height: 1.5em }
        .plot li svg { width: 1.6rem; height: .6rem; margin-right: .35rem }
        .plot li strong { color: var(--ink) }
        .plot > svg { display: block; width: 100%; height: 9rem; border-radius: 4px; touch-action: pan-y }
        .line { fill: none; stroke-width: 2; stroke-linejoin: round }
        .line.one { stroke: var(--one) }
        .line.two { stroke: var(--two); stroke-dasharray: 6 3 }
        .line.three { stroke: var(--three); stroke-dasharray: 2 3 }
        .grid { stroke: var(--line); stroke-width: 1 }
        .cursor { stroke: var(--ghost); stroke-width: 1 }
        .plot text { fill: var(--soft); font: 11px system-ui, sans-serif }
        .reading { min-height: 1.5em; font-size: .9rem; color: var(--soft); font-variant-numeric: tabular-nums }

        .table { overflow: auto; max-height: 32rem; border: 1px solid var(--line); border-radius: 12px }
        .table table { width: 100%; font-size: .88rem }
        .table th, .table td { padding: .3rem .8rem; white-space: nowrap; vertical-align: baseline }
        .table thead th { position: sticky; top: 0; z-index: 4; background: var(--card); color: var(--soft); font-weight: 600 }
        .table tbody tr:last-child > * { border-bottom: none }
        .table tbody th { font-weight: 500; max-width: 26rem; overflow: hidden; text-overflow: ellipsis }
        .table tr.chosen > * { background: var(--card) }
        th.number, td.number { text-align: right }
        td.old { color: var(--soft) }
        td.wrong, td.bad { color: var(--bad); font-weight: 650 }
        td.missing { color: var(--soft) }
        .table button, .table a {
            font: inherit; color: var(--critical); background: none; border: none; border-radius: 4px; padding: 0; text-align: left; cursor: pointer; text-decoration: underline
        }
        .gathers .table td.wide { white-space: nowrap }
        td.wide { white-space: normal; min-width: 14rem; overflow-wrap: anywhere }

        .kinds { display: flex; gap: .5rem; margin: 0 0 .6rem }
        .gathers { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr) }
        @media (min-width: 1200px) { .gathers:has(.detail:not([hidden])) { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) } }
        .detail h3, .detail .hint { margin-top: 0; overflow-wrap: anywhere }
        .phased { min-height: 1.3rem }
        .phased .bar { height: .7rem }
        .phased .bar.phase { height: .5rem; border-radius: 1px; min-width: 1px }
        .key .bar.phase { border-radius: 1px }
        .phase.queue { background: none; border: 1px dashed var(--ghost) }
        .phase.dns { background: radial-gradient(circle at 2px 50%, var(--three) 1.4px, transparent 1.8px) 0 0 / 5px 100% var(--track) }
        .phase.connect { background: repeating-linear-gradient(90deg, var(--three) 0 2px, var(--track) 2px 4px) }
        .phase.tls { background: repeating-linear-gradient(135deg, var(--three) 0 2px, var(--track) 2px 5px) }
        .phase.answer { background: linear-gradient(var(--one), var(--one)) center / 100% 2px no-repeat }
        .phase.body { background: var(--one) }
        .phase.shaping { background: repeating-linear-gradient(45deg, var(--two) 0 3px, var(--track) 3px 5px); border: 1px solid var(--two) }
        .links { display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center }
        @media (max-width: 560px) {
            .table th, .table td { padding: .3rem .5rem }
            .table tbody th { max-width: 11rem }
        }
        @media (forced-colors: active) { .line { stroke: CanvasText } }

        """#
}
