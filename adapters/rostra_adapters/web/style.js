// How it looks. A page changes it with the custom properties below, and `::part`.

export const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --ink: var(--rostra-ink, light-dark(#1c1b19, #ece8e1)); --paper: var(--rostra-paper, light-dark(#fff, #171614)); --faint: var(--rostra-faint, light-dark(#67635c, #a8a297));
  --line: var(--rostra-line, light-dark(#dedad2, #3a3733)); --accent: var(--rostra-accent, light-dark(#8a2a14, #f0a48c)); --wash: var(--rostra-wash, light-dark(#f6f3ee, #22201d));
  --on-accent: var(--rostra-on-accent, light-dark(#fff, #241008)); --bad: var(--rostra-bad, light-dark(#a3180c, #ff9d8f)); --good: var(--rostra-good, light-dark(#22663a, #8fd3a3));
  --radius: var(--rostra-radius, 6px); --body: var(--rostra-font, Charter, "Bitstream Charter", "Iowan Old Style", Georgia, serif);
  --ui: var(--rostra-ui-font, system-ui, "Segoe UI", Roboto, sans-serif);
  display: block; position: relative; color: var(--ink); background: var(--paper); font: 1rem/1.55 var(--body);
  color-scheme: light dark; container-type: inline-size; overflow-wrap: anywhere;
}
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
section { padding: 1rem 0 2rem; }
header.top { display: flex; flex-wrap: wrap; align-items: end; gap: 0 1.25rem; border-bottom: 1px solid var(--line); margin-block-end: 1rem; }
h2 { font: 700 1.375rem/1.3 var(--body); margin: 0; padding-block: .5rem; margin-inline-end: auto; }
button, input { font: 500 .875rem/1.2 var(--ui); color: inherit; }
button { background: none; border: 0; cursor: pointer; padding: .45rem .6rem; border-radius: var(--radius); min-height: 2rem; min-width: 2rem; }
@media (hover: hover) { button:hover { background: var(--wash); } }
button:disabled { opacity: .55; cursor: default; background: none; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.tabs { display: flex; flex-wrap: wrap; gap: 0 1.1rem; margin-block-end: -1px; }
.tabs button { border-radius: 0; border-block-end: 3px solid transparent; color: var(--faint); padding: .6rem 0 .5rem; background: none; }
.tabs button:hover { color: var(--ink); }
.tabs button[aria-pressed="true"] { color: var(--ink); border-block-end-color: var(--accent); }
.primary { background: var(--accent); color: var(--on-accent); padding-inline: 1rem; }
.primary:hover { background: var(--accent) !important; filter: brightness(1.08); }
.announce button { width: 100%; background: var(--wash); color: var(--accent); margin-block: .75rem 0; min-height: 2.5rem; }
.more { width: 100%; border: 1px solid var(--line); margin-block-start: .75rem; min-height: 2.75rem; }
.list, .children { list-style: none; margin: 0; padding: 0; }
.list { content-visibility: auto; contain-intrinsic-size: auto 170rem; overflow-clip-margin: .7rem; }
.list > li { border-block-start: 1px solid var(--line); padding-block-end: .35rem; }
.list:first-child > li:first-child { border-block-start: 0; }
.children { border-inline-start: 2px solid var(--line); padding-inline-start: clamp(.5rem, 3cqi, 1.25rem); margin-block-end: .35rem; }
.children .children .children .children { border-inline-start-style: dotted; padding-inline-start: .4rem; }
article { padding-block: .9rem .3rem; scroll-margin-block: 1rem; }
article:focus-visible { outline-offset: .35rem; border-radius: 1px; }
article.here { background: var(--wash); box-shadow: -.6rem 0 0 var(--wash), .6rem 0 0 var(--wash); }
.by { display: flex; flex-wrap: wrap; gap: .1rem .6rem; align-items: baseline; font: .875rem/1.5rem var(--ui); color: var(--faint); }
.by b { font-weight: 650; color: var(--ink); }
.by a { color: inherit; text-decoration: none; } .by a:hover { text-decoration: underline; }
.by .mark { color: var(--accent); font-weight: 600; }
.quote { color: var(--faint); font: italic .9375rem/1.4 var(--body); text-align: start; padding: .2rem .75rem; margin-block: .3rem; border-inline-start: 3px solid var(--accent); border-radius: 0; min-height: 1.75rem; }
.words { margin-block: .3rem .2rem; width: fit-content; max-width: min(68ch, 100%); unicode-bidi: plaintext; }
.words > :first-child { margin-block-start: 0; } .words > :last-child { margin-block-end: 0; }
.words p { margin: 0 0 .7em; } .words a { color: var(--accent); } .typed { white-space: pre-wrap; }
.words h1, .words h2, .words h3, .words h4, .words h5, .words h6 { font: 700 1rem/1.5 var(--body); margin: .6em 0 .3em; padding: 0; }
.words ul, .words ol { margin: .4em 0 .7em; padding-inline-start: 1.4em; } .words ul { list-style: disc; } .words ol { list-style: decimal; }
.words blockquote { margin: .4em 0; padding-inline-start: .8em; border-inline-start: 3px solid var(--line); color: var(--faint); }
.words pre { overflow-x: auto; background: var(--wash); padding: .6em; border-radius: var(--radius); }
.words code { font-size: .9em; } .words table { border-collapse: collapse; } .words td, .words th { border: 1px solid var(--line); padding: .2em .5em; }
.gone { color: var(--faint); font-style: italic; }
.pending { margin-block-start: .6em; padding-inline-start: .8em; border-inline-start: 3px solid var(--line); }
.does { display: flex; flex-wrap: wrap; align-items: center; gap: .1rem; margin-inline-start: -.5rem; color: var(--faint); }
.does small { font-size: .75rem; margin-inline-start: .4em; }
.vote { display: inline-flex; align-items: center; margin-inline-end: .25rem; }
.vote button { padding-inline: .5rem; }
.vote button[aria-pressed="true"].up { color: var(--good); } .vote button[aria-pressed="true"].down { color: var(--bad); }
.vote svg { width: 1rem; height: 1rem; display: block; fill: none; stroke: currentColor; stroke-width: 1.5; stroke-linejoin: round; }
.vote button[aria-pressed="true"] svg { fill: currentColor; }
.vote .score { min-width: 1.6em; text-align: center; font: 600 .875rem/1 var(--ui); font-variant-numeric: tabular-nums; color: var(--ink); padding-inline: .15em; }
form.write { margin-block: .75rem 1rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--paper); }
form.write:focus-within { border-color: var(--accent); box-shadow: 0 0 0 1px var(--accent); }
form.write label { display: flex; padding: .55rem .75rem 0; font: 600 .8125rem/1.4 var(--ui); color: var(--faint); }
textarea, input[type="text"] { display: block; width: 100%; border: 0; background: transparent; color: inherit; font: 1rem/1.5 var(--body); padding: .35rem .75rem .6rem; }
textarea { min-height: 4.2rem; resize: none; field-sizing: content; max-height: 60vh; }
textarea:focus, input[type="text"]:focus { outline: none; }
.write .foot { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; padding: .4rem .4rem .4rem .75rem; border-block-start: 1px solid var(--line); font: .8125rem/1.4 var(--ui); color: var(--faint); }
.write .foot .primary { margin-inline-start: auto; }
.write .shown { padding: .35rem .75rem .6rem; min-height: 4.2rem; }
.write[aria-busy="true"] .primary { opacity: .55; }
.error:not(:empty), .trouble:not(:empty) { color: var(--bad); font: .875rem/1.4 var(--ui); padding: .4rem .75rem .6rem; }
.trouble:not(:empty) { padding: .75rem; margin-block: .75rem; border: 1px solid currentColor; border-radius: var(--radius); }
.trouble button { text-decoration: underline; }
.state, .note { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem; font: .875rem/1.4 var(--ui); color: var(--faint); margin: 0; padding-block: .75rem; }
.note { color: var(--accent); padding-block: .25rem .5rem; }
.fold { display: flex; align-items: center; gap: .5rem; color: var(--accent); margin-inline-start: -.6rem; }
.fold::before { content: ""; width: .5em; height: .5em; box-sizing: border-box; border: solid currentColor; border-width: 0 2px 2px 0; transform: translateY(-.15em) rotate(45deg); }
.fold[aria-expanded="true"]::before { transform: translateY(.05em) rotate(225deg); }
h2, button, time, label, .foot span, .by b { unicode-bidi: plaintext; }
.passage { position: relative; border-inline-start: 3px solid var(--accent); padding: .1rem 2.5rem .1rem .9rem; margin-block-end: .75rem; }
.passage:dir(rtl) { padding: .1rem .9rem .1rem 2.5rem; }
.passage blockquote { margin: 0; font-style: italic; max-height: 9.3em; overflow: auto; } .question { margin: .5rem 0 0; font-weight: 700; }
.close { position: absolute; inset-block-start: -.4rem; inset-inline-end: -.4rem; font-size: 1.375rem; line-height: 1; color: var(--faint); }
.panel { position: fixed; inset: auto 0 0 0; margin: 0 auto; width: min(44rem, 100%); max-height: 62vh; overflow: auto; overscroll-behavior: contain;
  background: var(--paper); color: var(--ink); font: .9375rem/1.5 var(--body); text-align: start; container-type: inline-size;
  padding: 1rem; border: 1px solid var(--line); border-block-end: 0; border-radius: 12px 12px 0 0; box-shadow: 0 0 24px rgb(0 0 0 / .22); }
.panel.beside { position: absolute; inset: auto; margin: 0; max-height: calc(100vh - 1.5rem); border: 1px solid var(--line); border-radius: var(--radius); box-shadow: 0 2px 14px rgb(0 0 0 / .12); }
.panel .all { color: var(--accent); margin-inline-start: -.6rem; }
.badge { position: absolute; z-index: 1; min-width: 1.5rem; min-height: 1.5rem; height: 1.5rem; padding: 0 .35rem; border-radius: 1rem;
  background: var(--accent); color: var(--on-accent); font: 600 .75rem/1.5rem var(--ui); unicode-bidi: normal; }
.badge:hover { background: var(--accent) !important; filter: brightness(1.15); }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.pick { position: fixed; inset: auto; margin: 0; border: 0; min-height: 2.5rem; box-shadow: 0 2px 10px rgb(0 0 0 / .25); }
@media (prefers-reduced-motion: no-preference) { button { transition: background .12s; } article.here { transition: background .6s; } }
@media (forced-colors: active) {
  .tabs button { border-block-end-color: Canvas; } .tabs button[aria-pressed="true"] { border-block-end-color: Highlight; }
  .primary, .badge, .panel, .pick { border: 1px solid ButtonBorder; }
  .vote button[aria-pressed="true"] { color: Highlight !important; } article.here { outline: 2px solid Highlight; }
}
@container (max-width: 30rem) { .does button { padding-inline: .4rem; } h2 { font-size: 1.2rem; } .children { padding-inline-start: .5rem; } }
`);
