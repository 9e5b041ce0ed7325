// Clicks through pages of `grasp report`: node report.mjs CHROMIUM DIR. DIR holds one.html (a run that is
// done), three.html (runs beside each other), died.html and hostile.html. TAP on stdout.
import { chromium } from 'playwright-core';
import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';

const [, , executablePath, dir] = process.argv;
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
let n = 0;
const say = (good, label, detail = '') => {
    console.log(`${good ? 'ok' : 'not ok'} ${++n} - ${label}`);
    if (!good) for (const line of String(detail).split('\n')) console.log(`#   ${line}`);
};
const is = (label, got, want) => say(got === want, label, `got: ${got}\nexpected: ${want}`);

// A page, and what it asked for or complained of.
async function open(name, options = {}) {
    const context = await browser.newContext({ viewport: { width: 1200, height: 900 }, ...options });
    const page = await context.newPage();
    page.setDefaultTimeout(10000);
    const heard = [];
    page.on('console', (m) => heard.push(`console: ${m.text()}`));
    page.on('pageerror', (e) => heard.push(`error: ${e.message}`));
    page.on('request', (r) => r.url().endsWith(`/${name}`) || heard.push(`request: ${r.url()}`));
    page.on('dialog', (d) => { heard.push(`dialog: ${d.message()}`); d.dismiss(); });
    await page.goto(`file://${dir}/${name}`);
    return { page, heard, close: () => context.close() };
}
async function sound(label, page) {
    await page.evaluate(axe);
    const found = await page.evaluate(async () => (await axe.run()).violations
        .map((v) => `${v.id} (${v.nodes.length}): ${v.nodes[0].html.slice(0, 200)}`));
    say(found.length === 0, `${label}: axe finds nothing`, found.join('\n'));
}
const fits = async (label, page, width) => {
    const is_wide = await page.evaluate(() => document.documentElement.scrollWidth);
    say(is_wide <= width, `${label}: no wider than ${width} px`, `${is_wide} px`);
};

{ // ---- one run, by mouse ----
    const { page, heard, close } = await open('one.html');
    is('one headline', await page.locator('h1').count(), 1);
    say(/passes|Nothing was learned/.test(await page.locator('h1').innerText()), 'it says what happened');
    is('the curve is one picture', await page.locator('svg.chart:visible').count(), 1);
    say((await page.locator('svg.chart:visible').getAttribute('aria-label')).length > 10, 'with a name');
    await sound('closed', page);

    const update = page.locator('#updates > details', { hasText: 'accepted' }).first();
    await update.locator('> summary').click();
    const candidate = update.locator('> div > details', { hasText: 'accepted' }).first();
    say(await candidate.locator('pre.diff ins').first().isVisible(), 'an update opens: the diff is there');
    const cells = await candidate.locator('tr.f').first().innerText();
    say(/wrong[\s\S]*right[\s\S]*fixed/.test(cells), 'a probe says task, before, after, effect', cells);
    is('both sides of the probe set', await candidate.locator('.two caption').count(), 2);
    await candidate.locator('details', { hasText: 'Answers and reasons' }).locator('> summary').click();
    say(await candidate.locator('.ends pre').first().isVisible(), 'and what it answered');
    await update.locator('details', { hasText: 'diagnosis' }).locator('> summary').click();
    say((await update.locator('details', { hasText: 'diagnosis' }).locator('tbody tr').count()) > 0,
        'the diagnosis, task by task');
    const refused = page.locator('#updates summary', { hasText: 'refused' }).first();
    say(/gained|broke|lost|chance|gain/.test(await refused.innerText()), 'a refusal says why',
        await refused.innerText());
    await refused.evaluate((s) => { for (let d = s; d; d = d.parentElement.closest('details')) d.closest('details').open = true; });

    const rollout = page.locator('#rollouts details.trace').first();
    await rollout.locator('> summary').click();
    is('a rollout opens: its task and its last message',
        await rollout.locator('> div > .msg pre:visible').count(), 2);
    is('the whole trace is folded', await rollout.locator('details .msg:visible').count(), 0);
    await rollout.locator('details > summary').first().click();
    say((await rollout.locator('details .msg:visible').count()) > 1, 'and opens');

    const skill = page.locator('#library > details').first();
    await skill.locator('> summary').click();
    say(await skill.locator('> div > pre').isVisible(), 'a skill opens: its text');
    const link = skill.locator('.why a').first();
    const to = (await link.getAttribute('href')).slice(1);
    await link.click();
    say(await page.locator(`[id="${to}"]`).isVisible(), 'its life leads to the update, which opens');

    await page.check('#open');
    await page.waitForFunction(() => document.querySelector('#rollouts details details pre').checkVisibility({ contentVisibilityAuto: true }));
    await sound('open', page);
    await page.emulateMedia({ media: 'print' });
    await page.setViewportSize({ width: 680, height: 900 });
    say(!(await page.locator('nav').isVisible()), 'on paper: no menu');
    say(await page.locator('#updates details details pre.diff').first().isVisible(), 'on paper: open as asked for');
    await fits('on paper', page, 680);
    is('it loads nothing and complains of nothing', heard.join('; '), '');
    await close();
}
{ // ---- closed on paper, where nobody asked ----
    const { page, close } = await open('one.html');
    await page.emulateMedia({ media: 'print' });
    say(!(await page.locator('#updates details details pre.diff').first().isVisible()), 'on paper: closed otherwise');
    await close();
}
{ // ---- by keyboard ----
    const { page, close } = await open('one.html');
    await page.keyboard.press('Tab');
    is('first stop: past the menu', await page.evaluate(() => document.activeElement.getAttribute('href')), '#main');
    await page.keyboard.press('Enter');
    let at = '';
    for (let i = 0; i < 60 && !/^Update/.test(at); i++) {
        await page.keyboard.press('Tab');
        at = await page.evaluate(() => document.activeElement.innerText || '');
    }
    say(/^Update/.test(at), 'an update is reached', at);
    await page.keyboard.press('Enter');
    say(await page.evaluate(() => document.activeElement.parentElement.open), 'and opened');
    await close();
}
for (const colorScheme of ['light', 'dark']) { // ---- on a phone ----
    const { page, close } = await open('one.html', { viewport: { width: 360, height: 740 }, colorScheme });
    await fits(`phone, ${colorScheme}`, page, 360);
    await page.check('#open');
    await fits(`phone, ${colorScheme}, open`, page, 360);
    const small = await page.evaluate(() => [...document.querySelectorAll('svg.chart text')]
        .filter((t) => t.checkVisibility()).map((t) => t.getBoundingClientRect().height)
        .filter((h) => h < 10).length);
    is(`phone, ${colorScheme}: the curve can be read`, small, 0);
    await sound(`phone, ${colorScheme}, open`, page);
    await close();
}
{ // ---- several ----
    const { page, heard, close } = await open('three.html');
    is('three curves, told apart by their key', await page.locator('.keys li').count(), 3);
    const dashes = await page.locator('.keys li svg > path').evaluateAll((p) => new Set(p.map((x) => x.getAttribute('stroke-dasharray'))).size);
    is('and by their dashes', dashes, 3);
    is('three rows of scores', await page.locator('#scores table').first().locator('tbody tr').count(), 3);
    const link = page.locator('#library a').first();
    const to = (await link.getAttribute('href')).slice(1);
    await link.click();
    say(await page.locator(`[id="${to}"] pre`).isVisible(), 'who learned what leads to the skill');
    await sound('three runs', page);
    is('it loads nothing', heard.join('; '), '');
    await page.setViewportSize({ width: 360, height: 740 });
    await fits('three runs on a phone', page, 360);
    await close();
}
{ // ---- one that died ----
    const { page, close } = await open('died.html');
    say(/ended without a word/.test(await page.locator('h1').innerText()), 'a run that died says so');
    await sound('died', page);
    await close();
}
{ // ---- hostile texts, with the page's own policy out of the way ----
    const { page, heard, close } = await open('hostile.html', { bypassCSP: true });
    await page.check('#open');
    is('nothing of a model runs', await page.evaluate(() => window.hacked), undefined);
    is('no element of a model', await page.locator('script, img, iframe, b#hostile').count(), 0);
    say((await page.locator('body').innerText()).includes('<script>window.hacked=1</script>'), 'its text is there to read');
    is('it loads nothing, too', heard.join('; '), '');
    await close();
}
await browser.close();
