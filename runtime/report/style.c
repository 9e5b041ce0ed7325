/* style.c - how the page looks: on a wide screen, on a phone, in the dark, on paper. Nothing is said
 * by colour alone. */
#include "runtime/report/html.h"

static const char policy[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
    "style-src 'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
    "<meta name=\"color-scheme\" content=\"light dark\">\n<title>";

static const char colours[] =
    ":root{--ink:#1b2230;--soft:#566172;--line:#dfe4ec;--good:#0d6a4a;--bad:#a8231b;"
    "--mark:#2450b8;--warm:#8a5a00;--paper:#fff;--wash:#f5f7fa;--add:#e3f4ea;--del:#fbe6e4;--edge:#"
    "b8c1ce}\n"
    "@media screen and (prefers-color-scheme:dark){:root{--ink:#e6e9ef;--soft:#a4aebd;"
    "--line:#2b3340;--good:#62d2a4;--bad:#ff9b91;--mark:#93b3ff;--warm:#e3b45c;--paper:#11151c;--"
    "wash:#1a202a;"
    "--add:#12382a;--del:#45201e;--edge:#465061}}\n";

static const char text_style[] =
    "*{box-sizing:border-box}html{scroll-padding-top:3.2rem}\n"
    "body{font:15px/1.55 system-ui,-apple-system,'Segoe UI',sans-serif;color:var(--ink);"
    "background:var(--paper);margin:0}\n"
    "header,main,footer{max-width:68rem;margin:0 auto;padding:0 1.2rem}\n"
    "header{padding-top:1.6rem}.kicker{color:var(--soft);margin:0 0 .4rem;"
    "overflow-wrap:anywhere}\n"
    "h1{font-size:1.65rem;line-height:1.28;font-weight:650;margin:.1rem 0 .7rem;"
    "max-width:56rem;text-wrap:balance}\n"
    "h2{font-size:1.25rem;margin:2.6rem 0 .7rem;padding-bottom:.3rem;"
    "border-bottom:2px solid var(--line)}\n"
    "h3{font-size:1.02rem;margin:1.5rem 0 .5rem}h4{font-size:.95rem;margin:1.1rem 0 .35rem}\n"
    "p{margin:.5rem 0;max-width:52rem}a{color:var(--mark)}\n"
    ".soft{color:var(--soft)}.good{color:var(--good)}.bad{color:var(--bad)}\n"
    ".lead{font-size:1.03rem}.note{border-left:3px solid var(--edge);padding:.1rem 0 .1rem .8rem;"
    "overflow-wrap:anywhere}\n"
    "code,pre,.id{font-family:ui-monospace,'DejaVu Sans Mono',monospace;font-size:.88em}\n"
    "code,.id{overflow-wrap:anywhere}\n"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;background:var(--paper);"
    "border:1px solid var(--line);border-radius:.4rem;padding:.7rem .8rem;margin:.5rem 0;"
    "unicode-bidi:isolate}\n"
    ":focus-visible{outline:3px solid var(--mark);outline-offset:2px}\n"
    ".skip{position:absolute;left:-99rem}.skip:focus{left:1rem;top:.5rem;background:var(--paper);"
    "padding:.5rem;z-index:2}\n"
    ".hidden{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%);"
    "white-space:nowrap}\n";

static const char part_style[] =
    "nav{position:sticky;top:0;z-index:1;background:var(--paper);"
    "border-bottom:1px solid var(--line);margin-top:1rem}\n"
    "nav div{max-width:68rem;margin:0 auto;padding:.45rem 1.2rem;display:flex;gap:.2rem 1.1rem;"
    "flex-wrap:wrap;align-items:center}nav label{margin-left:auto;color:var(--soft)}\n"
    "dl.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:.6rem;"
    "margin:1rem 0}dl.facts div{background:var(--wash);border-radius:.5rem;padding:.55rem .8rem}"
    "dl.facts div{display:flex;flex-direction:column-reverse;justify-content:flex-end}"
    "dl.facts dt{color:var(--soft);font-size:.88rem;line-height:1.3}"
    "dl.facts dd{margin:0;font-size:1.25rem;font-weight:600;overflow-wrap:anywhere}\n"
    "dl.list{display:grid;grid-template-columns:minmax(8rem,max-content) 1fr;gap:.25rem 1.2rem;"
    "margin:.6rem 0}dl.list div{display:contents}dl.list dt{color:var(--soft)}"
    "dl.list dd{margin:0;overflow-wrap:anywhere}\n"
    ".scroll{overflow-x:auto;margin:.6rem 0}"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "caption{text-align:left;color:var(--soft);padding:.2rem 0}"
    "th,td{text-align:left;padding:.32rem .6rem;border-bottom:1px solid var(--line);"
    "vertical-align:top}thead th{color:var(--soft);font-weight:600;vertical-align:bottom}"
    "tbody th{font-weight:500;min-width:6rem}.two "
    "th{min-width:0}td.n,th.n{text-align:right;white-space:nowrap}"
    "td.score{white-space:nowrap}tr.all>*{font-weight:600;border-top:2px solid var(--edge)}"
    "td.score "
    ".soft{display:block;font-size:.92em}.bar{margin-left:.55rem}.track{stroke:var(--line);stroke-"
    "width:2}"
    ".span{stroke:var(--edge);stroke-width:4}.dot{fill:var(--mark)}\n"
    "details{border:1px solid var(--line);border-radius:.5rem;margin:.5rem 0;"
    "background:var(--wash)}details>summary{cursor:pointer;padding:.5rem .8rem;"
    "overflow-wrap:anywhere}details[open]>summary{border-bottom:1px solid var(--line)}"
    "details>div{padding:.2rem .9rem .7rem;scroll-margin-top:6rem}details "
    "details{background:var(--paper)}\n"
    "summary b{font-weight:620}.chip{display:inline-block;border:1px solid currentColor;"
    "border-radius:1rem;padding:0 .55rem;font-size:.86rem;margin-right:.35rem;"
    "white-space:nowrap}\n"
    ".top{display:grid;grid-template-columns:minmax(0,1fr) 16rem;gap:1.6rem;align-items:start}"
    ".top dl.facts{grid-template-columns:1fr 1fr;margin-top:1.4rem}.top dl.facts dd"
    "{font-size:1.1rem}\n"
    "figure{margin:1rem 0}figcaption{color:var(--soft);font-size:.92rem}"
    "svg text{fill:var(--soft);font-size:12px;font-family:inherit}svg "
    ".v{fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:3px}"
    ".chart{display:block;width:100%;height:auto;max-width:46rem}.narrow{display:none}"
    ".keys{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;list-style:none;margin:.4rem 0;padding:0}"
    ".keys svg{vertical-align:-.15em;margin-right:.4rem}\n"
    ".two{display:grid;grid-template-columns:repeat(auto-fit,minmax(21rem,1fr));gap:0 1.4rem}"
    ".two table{font-size:.9rem}.two th,.two td{padding:.12rem .45rem}"
    "tr.f>*{background:var(--add)}tr.r>*{background:var(--del)}\n"
    ".ends{display:grid;grid-template-columns:1fr 1fr;gap:0 1.2rem}.ends pre{margin:.2rem 0}"
    ".ends ul,.why{margin:.2rem 0;padding-left:1.2rem;overflow-wrap:anywhere}\n"
    ".diff{padding:0;overflow:hidden}.diff>*{display:block;padding:0 .8rem;min-height:1.4em;"
    "text-decoration:none}.diff ins{background:var(--add)}.diff del{background:var(--del)}"
    ".diff .gap{color:var(--soft);background:var(--wash)}\n"
    ".msg{margin:.6rem 0}.msg h3{font-size:.92rem;margin:.4rem 0 .1rem;color:var(--soft)}\n"
    "td .few{display:inline-block;height:.55em;background:var(--mark);opacity:.75;"
    "margin-left:.45rem;border-radius:2px}\n"
    "footer{color:var(--soft);padding-top:2rem;padding-bottom:3rem}\n";

static const char media[] =
    "@media(max-width:40rem){body{font-size:14.5px}h1{font-size:1.35rem}"
    "header,main,footer,nav div{padding-left:.8rem;padding-right:.8rem}nav{position:static}"
    "nav label{margin-left:0}.top{display:block}"
    ".wide{display:none}.narrow{display:block}.ends{grid-template-columns:1fr}"
    ".two{grid-template-columns:1fr}dl.facts{grid-template-columns:1fr 1fr}"
    "dl.list{grid-template-columns:1fr}dl.list dt{margin-top:.3rem}"
    "details>div{padding:.2rem .55rem .6rem}th,td{padding:.3rem .4rem}"
    ".long{display:none}td .few{display:none}td .bar{display:none}details details{margin:.4rem "
    "-.25rem}"
    "pre{padding:.5rem}.diff>*{padding:0 .5rem}}\n"
    "body:has(#open:checked) details::details-content{content-visibility:visible;"
    "height:auto;block-size:auto}\n"
    "@page{margin:14mm 12mm}@media "
    "print{nav,.skip{display:none}body{font-size:10pt}h1{font-size:16pt}"
    "header,main,footer{max-width:none;padding:0}.top{display:block}"
    ".top dl.facts{grid-template-columns:repeat(4,1fr)}"
    ".wide{display:block}.narrow{display:none}"
    ".scroll{overflow:visible}table{font-size:8.5pt}th,td{padding:.15rem .3rem}td .bar{width:60px}"
    "pre{font-size:8pt}details{break-inside:auto}summary,h2,h3,h4{break-after:avoid}"
    "tr,figure,.msg{break-inside:avoid}a{color:inherit;text-decoration:none}"
    "*{print-color-adjust:exact}}\n";

void html_head(struct buf *b, const char *title)
{
    buf_adds(b, policy);
    html_text(b, title);
    buf_adds(b, "</title>\n<style>\n");
    buf_adds(b, colours);
    buf_adds(b, text_style);
    buf_adds(b, part_style);
    buf_adds(b, media);
    buf_adds(b, "</style></head><body>\n<a class=\"skip\" href=\"#main\">to the content</a>\n");
}

void html_foot(struct buf *b)
{
    buf_adds(b, "</body></html>\n");
}
