"""How the drawing of a timeline looks: paper is white, ink is that of the machines' drawings."""

from __future__ import annotations

STYLE = """
.timeline{--ink:#1c2430;--soft:#5d6b7e;--line:#8793a5;--paper:#fff;--box:#f1f4f9;--edge:#3f5f8f;
--now:#ffe9b8;--back:#a070b8;--gate:#b8860b;--been:#e2f2e6;
font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
.timeline .paper{fill:var(--paper)}
.timeline text{fill:var(--ink);dominant-baseline:central}
.timeline .heading{font-size:20px;font-weight:600}
.timeline .line,.timeline .key{fill:var(--soft)}
.timeline .rule{fill:none;stroke:#d9dfe8}
.timeline .lane{font-size:14px;font-weight:600}
.timeline .id,.timeline .if,.timeline .target{fill:var(--soft);font-size:11px}
.timeline .if{font-style:italic}
.timeline .title{font-size:13px;font-weight:600}
.timeline .card>rect{fill:var(--box);stroke:var(--edge);stroke-width:1.5}
.timeline .UNVISITED>rect{fill:var(--paper);stroke:#b4bfcd;stroke-dasharray:5 3}
.timeline .awaited>rect{stroke:#1f6b45;stroke-width:2}
.timeline .ACTIVE>rect{fill:var(--now);stroke:#a87400;stroke-width:2}
.timeline .VISITED>rect{fill:var(--been);stroke:#3f8a5a}
.timeline .UNVISITED .title,.timeline .UNVISITED .label{fill:var(--soft)}
.timeline .state,.timeline .count{font-size:10px;font-weight:600;text-anchor:end}
.timeline .count{font-size:12px}
.timeline .card .open .label,.timeline .card .open .target{fill:var(--ink);font-weight:600}
.timeline .thread{font-size:11px}
.timeline .t0{fill:#0b6e99}
.timeline .t1{fill:#9c3d87}
.timeline .t2{fill:#4d7c0f}
.timeline .t3{fill:#b0521b}
.timeline .t4{fill:#5b4bb5}
.timeline .t5{fill:#96283c}
.timeline .way{fill:none;stroke:var(--line);stroke-width:1.5}
.timeline .tip{fill:var(--line)}
.timeline .back .way{stroke:var(--back)}
.timeline .back .tip{fill:var(--back)}
.timeline .auto .way{stroke-dasharray:6 4}
.timeline .followed .way{stroke:#1f6b45;stroke-width:3}
.timeline .followed .tip{fill:#1f6b45}
.timeline .link:hover .way{stroke-width:4}
.timeline .beat>rect{fill:#e4e9f2}
.timeline .beat.here>rect{fill:var(--now)}
.timeline .name{font-weight:600}
.timeline .step{fill:var(--soft);text-anchor:middle;font-weight:600}
.timeline .step.here{fill:var(--paper)}
.timeline .mark{fill:var(--edge)}
.timeline .reached{fill:#eef4fc}
.timeline .guard>rect{fill:#fdf3da}
.timeline .gate{fill:none;stroke:var(--gate);stroke-width:2}
.timeline .guard.waits>rect{fill:#ffd9cc}
.timeline .gate.waits{stroke:#c8371b;stroke-width:3}
.timeline .guard.open>rect,.timeline .guard.passed>rect{fill:#edf5ee}
.timeline .gate.open,.timeline .gate.passed{stroke:#8fbd9c}
""".strip()
