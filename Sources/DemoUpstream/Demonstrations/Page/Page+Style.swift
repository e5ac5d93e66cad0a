extension Page {
    /// How the page looks: light and dark, from 360 pixels on, and without motion for those who want none.
    public static let style = #"""
        :root {
            color-scheme: light dark;
            --page: #ffffff; --card: #f6f8fa; --ink: #1c2733; --soft: #566574; --line: #cfd8e1;
            --track: #e6ebf0; --ok: #2f7ed8; --critical: #0b3f82; --bad: #b5440f; --ghost: #75838f; --on-accent: #ffffff;
        }
        @media (prefers-color-scheme: dark) {
            :root {
                --page: #12181f; --card: #1a222b; --ink: #e6edf3; --soft: #9fadbb; --line: #36424e;
                --track: #262f39; --ok: #3f86d0; --critical: #a5d1ff; --bad: #f08a4b; --ghost: #7c8b9a; --on-accent: #10202f;
            }
        }
        * { box-sizing: border-box }
        body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.5 system-ui, sans-serif }
        main { max-width: 1280px; margin: 0 auto; padding: 2rem 1.25rem 4rem }
        h1 { font-size: clamp(1.6rem, 5vw, 2.5rem); line-height: 1.15; letter-spacing: -.02em; margin: 0 0 .5rem }
        h2 { font-size: 1.4rem; line-height: 1.2; margin: 3rem 0 .5rem }
        h3 { font-size: 1rem; margin: 1.25rem 0 .25rem }
        p { margin: .5rem 0 }
        .lead, .hint { color: var(--soft); max-width: 70ch }
        .hint { font-size: .9rem }
        a { color: var(--critical) }
        code, pre, .endpoints h3 { font-family: ui-monospace, Menlo, Consolas, monospace }
        pre {
            margin: .25rem 0; padding: .6rem .75rem; background: var(--card); border: 1px solid var(--line);
            border-radius: 8px; font-size: .8rem; line-height: 1.45; overflow: auto
        }
        pre.answer { max-height: 36rem; white-space: pre-wrap; overflow-wrap: anywhere }
        pre.command { white-space: pre-wrap; overflow-wrap: anywhere }
        [hidden] { display: none !important }
        :focus-visible { outline: 3px solid var(--critical); outline-offset: 2px }

        /* What is asked for */
        .bar-of-controls { display: flex; flex-wrap: wrap; gap: .6rem .9rem; align-items: end; margin: 1rem 0 }
        .bar-of-controls label, .field { display: grid; gap: .15rem; font-size: .85rem; color: var(--soft); min-width: 0 }
        select, input[type=text], textarea {
            font: inherit; font-size: 1rem; color: var(--ink); background: var(--page); border: 1px solid var(--ghost);
            border-radius: 6px; padding: .35rem .5rem; max-width: 100%; width: 100%
        }
        .wide { flex: 1 1 18rem }
        .bar-of-controls .inline { display: flex; align-items: center; gap: .4rem; padding-bottom: .5rem }
        textarea { font: .85rem/1.4 ui-monospace, monospace; min-height: 5rem }
        button {
            font: inherit; font-weight: 600; padding: .45rem 1.2rem; border-radius: 8px; border: 1px solid transparent;
            background: var(--critical); color: var(--on-accent); cursor: pointer
        }
        .controls:empty { display: none }
        .controls { display: grid; align-items: start; grid-template-columns: repeat(auto-fill, minmax(165px, 1fr)); gap: .6rem; margin: .75rem 0 }
        fieldset { border: 1px solid var(--line); border-radius: 8px; padding: .25rem .7rem .6rem; margin: 0; min-width: 0 }
        legend { font-weight: 600; padding: 0 .25rem; max-width: 100%; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
        input[type=range] { width: 100%; margin: .2rem 0; accent-color: var(--critical) }
        output { font-variant-numeric: tabular-nums; color: var(--ink) }

        /* The picture */
        .sides { display: grid; gap: 0 2rem; grid-template-columns: minmax(0, 1fr) }
        @media (min-width: 1100px) { .sides { grid-template-columns: minmax(0, 3fr) minmax(0, 2fr) } }
        .pair { display: grid; gap: 1rem; grid-template-columns: minmax(0, 1fr) }
        @media (min-width: 960px) { .pair { grid-template-columns: repeat(2, minmax(0, 1fr)) } }
        figure { margin: 0 }
        figcaption { font-weight: 600; margin-bottom: .35rem }
        .picture { position: relative; border: 1px solid var(--line); border-radius: 12px; background: var(--card); padding: .75rem .9rem }
        .row, .axis {
            display: grid; grid-template-columns: minmax(4.5rem, 9.5rem) minmax(0, 1fr) minmax(4.6rem, auto); gap: .15rem .7rem;
            align-items: center; padding: .22rem 0
        }
        .pair .name { font-size: .9rem }
        .pair .row, .pair .axis { grid-template-columns: 7.3rem minmax(0, 1fr) 5.2rem }
        .name { white-space: nowrap; overflow: hidden; text-overflow: ellipsis; color: var(--soft) }
        .value { font-variant-numeric: tabular-nums; text-align: right; color: var(--soft); font-size: .85rem; white-space: nowrap }
        .picture .value { width: 5.6rem }
        .pair .picture .value { width: 5.2rem }
        .critical > .name, .critical > .value { color: var(--ink); font-weight: 650 }
        .bad > .value { color: var(--bad); font-weight: 600 }
        .track { position: relative; background: var(--track); border-radius: 4px; min-height: 1.15rem }
        .track.unsent { background: none; outline: 1px dashed var(--ghost); outline-offset: -1px }
        .axis .track { background: none; min-height: 1rem }
        .tick { position: absolute; white-space: nowrap; font-size: .72rem; line-height: 1; color: var(--soft); transform: translateX(-50%); font-variant-numeric: tabular-nums }
        .tick:first-child { transform: none }
        .tick:last-child { transform: translateX(-100%) }
        .bar { position: absolute; z-index: 2; min-width: 3px; height: 1.15rem; top: 0; border-radius: 3px; background: var(--ok) }
        .critical .bar { background: var(--critical) }
        .running .bar { border-radius: 3px 0 0 3px }
        .bar.bad {
            background: repeating-linear-gradient(45deg, var(--bad) 0 5px, var(--track) 5px 8px); border: 1px solid var(--bad)
        }
        .bar.cut { background: repeating-linear-gradient(90deg, var(--ghost) 0 4px, var(--track) 4px 7px); border: 1px solid var(--ghost) }
        .ghost .bar { background: var(--ghost) }
        .ghost .bar + .bar { border-left: 2px solid var(--card); border-radius: 0 3px 3px 0 }
        .note { position: absolute; inset: 0; padding: 0 .4rem; font-size: .78rem; line-height: 1.15rem; color: var(--soft); white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
        .link { position: absolute; z-index: 1; width: 0; border-left: 1px solid var(--ghost); pointer-events: none }
        .link.critical { border-left: 2px solid var(--critical) }
        .deadline { position: absolute; z-index: 3; width: 0; border-left: 2px dashed var(--bad); pointer-events: none }
        .rule { border-top: 1px solid var(--line); margin: .5rem 0 .3rem }
        .key { display: flex; flex-wrap: wrap; gap: .2rem 1.1rem; margin: .5rem 0 0; padding: 0; list-style: none; font-size: .8rem; color: var(--soft) }
        .key span { position: relative; display: inline-block; width: 1.6rem; height: .8rem; margin-right: .35rem; vertical-align: -.08rem; border-radius: 3px; overflow: hidden }
        .key .bar { height: .8rem; width: 100% }
        .key .line { border-left: 2px dashed var(--bad); border-radius: 0; width: .2rem }
        .say { margin: .8rem 0 0; font-size: 1.1rem; min-height: 3.2em }
        #tasks .say { min-height: 1.5em }
        .say strong { font-variant-numeric: tabular-nums }
        details { margin: .6rem 0 }
        summary { cursor: pointer; font-weight: 600 }
        .scroll { overflow-x: auto }
        table { border-collapse: collapse; font-size: .85rem; font-variant-numeric: tabular-nums }
        th, td { text-align: left; padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
        th { white-space: nowrap }

        /* What there is to try */
        .endpoints { list-style: none; padding: 0; display: grid; gap: .25rem 1.5rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)) }
        .endpoints li { min-width: 0 }
        .endpoints h3 { font-size: .95rem; font-weight: 600; overflow-wrap: anywhere }

        @media (max-width: 560px) {
            main { padding: 1.25rem .9rem 3rem }
            .row, .axis, .pair .row, .pair .axis { grid-template-columns: minmax(0, 1fr) auto; padding: .15rem 0 }
            .row .track, .axis .track { grid-column: 1 / -1; grid-row: 2 }
            .axis .name, .axis .value, .link { display: none }
            .controls { grid-template-columns: repeat(2, minmax(0, 1fr)) }
            .picture .value, .pair .picture .value { width: auto }
        }
        @media (prefers-reduced-motion: no-preference) { .settling .bar { transition: left .25s ease-out, width .25s ease-out } }
        @media (forced-colors: active) { .bar { border: 1px solid CanvasText } .critical .bar { background: Highlight } }

        """#
}
