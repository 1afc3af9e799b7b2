// How it looks. A page changes it with the custom properties below, and `::part`.

export const sheet = new CSSStyleSheet();
sheet.replaceSync(`
:host {
  --ink: var(--rostra-ink, #1c1b19); --paper: var(--rostra-paper, #fff); --faint: var(--rostra-faint, #67635c);
  --line: var(--rostra-line, #dedad2); --accent: var(--rostra-accent, #8a2a14); --wash: var(--rostra-wash, #f6f3ee);
  --on-accent: var(--rostra-on-accent, #fff); --bad: var(--rostra-bad, #a3180c); --good: var(--rostra-good, #22663a);
  --radius: var(--rostra-radius, 6px); --body: var(--rostra-font, Charter, "Bitstream Charter", "Iowan Old Style", Georgia, serif);
  --ui: var(--rostra-ui-font, system-ui, "Segoe UI", Roboto, sans-serif);
  display: block; color: var(--ink); background: var(--paper); font: 1rem/1.55 var(--body);
  color-scheme: light dark; container-type: inline-size; overflow-wrap: anywhere;
}
@media (prefers-color-scheme: dark) { :host(:not([theme="light"])) {
  --ink: var(--rostra-ink, #ece8e1); --paper: var(--rostra-paper, #171614); --faint: var(--rostra-faint, #a8a297);
  --line: var(--rostra-line, #3a3733); --accent: var(--rostra-accent, #f0a48c); --wash: var(--rostra-wash, #22201d);
  --on-accent: var(--rostra-on-accent, #241008); --bad: var(--rostra-bad, #ff9d8f); --good: var(--rostra-good, #8fd3a3);
} }
:host([theme="dark"]) {
  --ink: var(--rostra-ink, #ece8e1); --paper: var(--rostra-paper, #171614); --faint: var(--rostra-faint, #a8a297);
  --line: var(--rostra-line, #3a3733); --accent: var(--rostra-accent, #f0a48c); --wash: var(--rostra-wash, #22201d);
  --on-accent: var(--rostra-on-accent, #241008); --bad: var(--rostra-bad, #ff9d8f); --good: var(--rostra-good, #8fd3a3);
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
section { padding: 1rem 0 2rem; }
header.top { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem 1.25rem; border-bottom: 1px solid var(--line); }
h2 { font: 700 1.3rem/1.3 var(--body); margin: 0; padding-block: .5rem; margin-inline-end: auto; }
button, select, input { font: 500 .875rem/1.2 var(--ui); color: inherit; }
button { background: none; border: 0; cursor: pointer; padding: .45rem .6rem; border-radius: var(--radius); min-height: 2rem; min-width: 2rem; }
button:hover { background: var(--wash); }
button:disabled { opacity: .55; cursor: default; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.tabs { display: flex; flex-wrap: wrap; }
.tabs button { border-radius: 0; border-bottom: 3px solid transparent; color: var(--faint); }
.tabs button[aria-pressed="true"] { color: var(--ink); border-bottom-color: var(--accent); }
.primary { background: var(--accent); color: var(--on-accent); padding-inline: 1rem; }
.primary:hover { background: var(--accent); filter: brightness(1.08); }
.quiet { color: var(--faint); }
.announce button { width: 100%; background: var(--wash); color: var(--accent); margin-block: .75rem; }
.list, .children { list-style: none; margin: 0; padding: 0; }
.list > li { border-top: 1px solid var(--line); content-visibility: auto; contain-intrinsic-size: auto 9rem; }
.list > li:first-child { border-top: 0; }
.children { border-inline-start: 2px solid var(--line); padding-inline-start: clamp(.5rem, 3cqi, 1.25rem); }
.children .children .children .children { border-inline-start-style: dotted; padding-inline-start: .4rem; }
article { padding-block: .85rem .35rem; scroll-margin-top: 1rem; }
article:target, article.here { background: var(--wash); box-shadow: -.75rem 0 0 var(--wash), .75rem 0 0 var(--wash); }
.by { display: flex; flex-wrap: wrap; gap: .1rem .6rem; align-items: baseline; font: .875rem/1.4 var(--ui); }
.by b { font-weight: 650; } .by time, .by .note { color: var(--faint); } .by a { color: inherit; }
.by .mark { color: var(--accent); font-weight: 600; }
.words { margin-block: .3rem .2rem; width: fit-content; max-width: min(68ch, 100%); unicode-bidi: plaintext; }
.words > :first-child { margin-top: 0; } .words > :last-child { margin-bottom: 0; }
.words p { margin: 0 0 .7em; } .words a { color: var(--accent); }
.words h1, .words h2, .words h3, .words h4 { font-size: 1rem; margin: .6em 0 .3em; }
.words blockquote { margin: .4em 0; padding-inline-start: .8em; border-inline-start: 3px solid var(--line); color: var(--faint); }
.words pre { overflow-x: auto; background: var(--wash); padding: .6em; border-radius: var(--radius); }
.words code { font-size: .9em; } .words table { border-collapse: collapse; } .words td, .words th { border: 1px solid var(--line); padding: .2em .5em; }
.gone { color: var(--faint); font-style: italic; }
.does { display: flex; flex-wrap: wrap; align-items: center; gap: .1rem; margin-inline-start: -.6rem; color: var(--faint); }
.vote { display: inline-flex; align-items: center; }
.vote button[aria-pressed="true"].up { color: var(--good); } .vote button[aria-pressed="true"].down { color: var(--bad); }
.vote svg { width: 1rem; height: 1rem; display: block; fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; }
.vote button[aria-pressed="true"] svg { fill: currentColor; }
.vote output { min-width: 1.6em; text-align: center; font: 600 .875rem/1 var(--ui); font-variant-numeric: tabular-nums; }
form.write { margin-block: .75rem; border: 1px solid var(--line); border-radius: var(--radius); background: var(--paper); }
form.write:focus-within { border-color: var(--accent); }
form.write label { display: block; padding: .5rem .75rem 0; font: 600 .8125rem/1.4 var(--ui); color: var(--faint); }
textarea, input[type="text"] { width: 100%; border: 0; background: transparent; color: inherit; font: 1rem/1.5 var(--body); padding: .5rem .75rem; }
textarea { min-height: 5.5rem; resize: vertical; field-sizing: content; max-height: 60vh; }
textarea:focus, input[type="text"]:focus { outline: none; }
.write .foot { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; padding: .5rem .75rem; border-top: 1px solid var(--line); font: .8125rem/1.4 var(--ui); color: var(--faint); }
.write .foot .primary { margin-inline-start: auto; }
.write .shown { padding: .5rem .75rem; min-height: 5.5rem; }
.error { color: var(--bad); font: .875rem/1.4 var(--ui); padding: .25rem .75rem; }
.state { font: .875rem/1.4 var(--ui); color: var(--faint); padding-block: .75rem; }
.fold { color: var(--accent); margin-inline-start: -.6rem; margin-block-end: .35rem; }
h2, button, time, label, .state, .foot span, .by b { unicode-bidi: plaintext; }
.passage { background: var(--wash); border-inline-start: 3px solid var(--accent); padding: .75rem 1rem; margin-block: .75rem; }
.passage blockquote { margin: 0; font-style: italic; } .passage p { margin: .5rem 0 0; font-weight: 600; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.pick { position: absolute; z-index: 10; box-shadow: 0 2px 10px rgb(0 0 0 / .25); }
@media (prefers-reduced-motion: no-preference) { button { transition: background .12s; } article.here { transition: background .6s; } }
@container (max-width: 30rem) { .does button { padding-inline: .45rem; } h2 { font-size: 1.15rem; } .children { padding-inline-start: .5rem; } }
`);
