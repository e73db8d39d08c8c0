// The pages under /docs in a real browser: headless Chromium, on a phone and on a desk, in the light and in the dark.
//
// Usage: node browser.js JOB.json. The job: {url, keyId, secret, appId, integrationId, pages, pictures?}.

'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');
const { chromium } = require('playwright-core');

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync',
];
const AXE = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
const SIZES = { phone: { width: 390, height: 844 }, desk: { width: 1440, height: 900 } };

/** A page of its own, that notes everything it asks for and everything that goes wrong in it. */
async function open(browser, job, size, colorScheme) {
  const context = await browser.newContext({ viewport: SIZES[size], colorScheme, bypassCSP: false });
  // How long anything may take: a machine that does much else is slow, and that is no fault of a page.
  context.setDefaultTimeout(120000);
  const page = await context.newPage();
  page.troubles = [];
  page.on('console', (message) => { if (message.type() === 'error') page.troubles.push(message.text()); });
  page.on('pageerror', (error) => page.troubles.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(job.url)) page.troubles.push(`asked for ${request.url()}`);
  });
  await page.addInitScript(() => {
    window.shifts = 0;
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => { window.shifts += entry.value; }))
      .observe({ type: 'layout-shift', buffered: true });
  });
  return page;
}

/** No violation of the rules for accessibility. axe runs outside the page's policy, as a reader's extension would. */
async function accessible(page, where) {
  const session = await page.context().newCDPSession(page);
  await session.send('Runtime.evaluate', { expression: AXE });
  const { result } = await session.send('Runtime.evaluate', {
    expression: 'axe.run().then((found) => JSON.stringify(found.violations.map((v) => [v.id, v.nodes.slice(0, 3).map((n) => n.html)])))',
    awaitPromise: true,
  });
  assert.equal(result.value, '[]', where);
}

/** Every page looks right everywhere: accessible, nothing wider than the screen, nothing that jumps. */
async function look(browser, job) {
  for (const size of Object.keys(SIZES)) {
    for (const scheme of ['light', 'dark']) {
      const page = await open(browser, job, size, scheme);
      for (const place of job.pages) {
        await page.goto(job.url + place);
        const where = `${place} ${size} ${scheme}`;
        await accessible(page, where);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `${where} is too wide`);
        assert.ok(await page.evaluate(() => window.shifts) < 0.01, `${where} jumps`);
        if (size === 'phone') {
          await page.setViewportSize({ width: 320, height: 640 });
          assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false, `${where} is wider than 320`);
          await page.setViewportSize(SIZES[size]);
        }
        if (job.pictures) {
          const name = `${place.replace(/\W+/g, '-').slice(1)}-${size}-${scheme}.png`;
          await page.screenshot({ path: path.join(job.pictures, name), fullPage: job.whole === true });
        }
      }
      assert.deepEqual(page.troubles, []);
      await page.context().close();
    }
  }
}

const value = (page, name) => page.locator(`[data-value="${name}"]`);
const sample = (page) => page.locator('pre.sample:visible').first();

/** What a reader does: open, fill in, see it in the samples, send, see 201; by Basic and by a token signed in the page. */
async function use(browser, job) {
  const page = await open(browser, job, 'desk', 'light');
  await page.goto(`${job.url}/docs/operations/create-integration-key`);
  assert.match(await sample(page).textContent(), /\{\{appId\}\}/);
  // Nothing is sent as long as a value is lacking: its field is waiting for it.
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#outcome').getByText('First fill in appId').waitFor();
  assert.equal(await page.evaluate(() => document.activeElement.dataset.value), 'appId');
  for (const name of ['keyId', 'secret', 'appId', 'integrationId']) await value(page, name).fill(job[name]);
  const shown = await sample(page).textContent();
  for (const text of [job.url, job.keyId, job.secret, job.appId, job.integrationId]) assert.ok(shown.includes(text), text);
  assert.doesNotMatch(shown, /\{\{/);

  await page.locator('#language').selectOption('powerbuilder');
  assert.match(await sample(page).textContent(), /loo_Http\.PostJson3/);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#outcome').getByText('Status 201').waitFor();
  const key = JSON.parse(await page.locator('#outcome pre').first().textContent()).key;
  assert.match(key.id, /^int_[0-9a-f]{24}$/);
  await accessible(page, 'with an answer');

  await page.getByLabel('Bearer').check();
  await page.getByRole('button', { name: 'Sign one' }).click();
  await page.getByText('Signed;').waitFor();
  assert.match(await value(page, 'token').inputValue(), /^[\w-]+\.[\w-]+\.[\w-]+$/);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#outcome p').filter({ hasText: 'Status 201' }).waitFor();

  // On the next page everything is still there, and nothing of it left the browser but by sending.
  await page.goto(`${job.url}/docs/operations/list-integration-keys`);
  assert.equal(await value(page, 'appId').inputValue(), job.appId);
  assert.equal(await page.locator('#language').inputValue(), 'powerbuilder');
  assert.match(await sample(page).textContent(), /AuthToken = "ey/);
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#outcome').getByText('Status 200').waitFor();
  assert.ok((await page.locator('#outcome').textContent()).includes(key.id));
  assert.equal(await page.evaluate(() => localStorage.getItem('heliograph.secret')), null);

  await value(page, 'appId').fill('000000000000000000000000');
  await page.getByRole('button', { name: 'Send' }).click();
  await page.locator('#outcome').getByText('Status 404').waitFor();
  // A browser writes every refusal into its console.
  page.troubles = page.troubles.filter((trouble) => !trouble.includes('404'));
  await find(page);
  await copyAndPrint(page, job);
  assert.deepEqual(page.troubles, []);
  await page.context().close();
}

/** A copied sample is what is shown; on paper every field stands, and no form; a link leads into the page. */
async function copyAndPrint(page, job) {
  await page.context().grantPermissions(['clipboard-read', 'clipboard-write'], { origin: job.url });
  await page.goto(`${job.url}/docs/operations/create-integration-key#errors`);
  // Seen, and below the head: the browser goes there in its own time.
  await page.waitForFunction(() => {
    const { top } = document.querySelector('#errors').getBoundingClientRect();
    return top > 40 && top < 900;
  });
  await page.locator('.samples .copy').click();
  await page.locator('.samples').getByText('Copied').waitFor();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), await sample(page).textContent());
  await page.emulateMedia({ media: 'print' });
  await page.evaluate(() => dispatchEvent(new Event('beforeprint')));
  assert.ok(await page.locator('dt').getByText('secret', { exact: true }).isVisible());
  for (const gone of ['.values', '.attempt', '.list', '.top', '.copy']) {
    assert.equal(await page.locator(gone).first().isVisible(), false, gone);
  }
  await page.evaluate(() => dispatchEvent(new Event('afterprint')));
  await page.emulateMedia({ media: 'screen' });
  assert.equal(await page.locator('dt').getByText('secret', { exact: true }).isVisible(), false);
}

/** On a phone the list and the values are folded; both open, by hand and by keyboard. */
async function onAPhone(browser, job) {
  const page = await open(browser, job, 'phone', 'dark');
  await page.goto(`${job.url}/docs/operations/create-integration-key`);
  assert.equal(await value(page, 'appId').isVisible(), false);
  await page.getByRole('button', { name: 'Your values' }).press('Enter');
  await value(page, 'appId').fill(job.appId);
  assert.ok((await sample(page).textContent()).includes(job.appId));
  await page.getByRole('button', { name: 'Menu' }).click();
  await accessible(page, 'with all open on a phone');
  await page.locator('#search').fill('typing');
  assert.deepEqual(await page.locator('#pages li:visible').allTextContents(), ['Post activity']);
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('#pages').isVisible(), false);
  assert.equal(await page.evaluate(() => document.activeElement.textContent), 'Menu');
  await page.getByRole('navigation', { name: 'On this page' }).getByText('Try it').click();
  await page.getByRole('button', { name: 'Send' }).waitFor();
  assert.deepEqual(page.troubles, []);
  await page.context().close();
}

/** Search: by title, by path, by operation id; Enter opens the first. */
async function find(page) {
  await page.keyboard.press('Escape');
  await page.locator('h1').click();
  await page.keyboard.press('/');
  await page.keyboard.type('passControl');
  assert.deepEqual(await page.locator('#pages li:visible').allTextContents(), ['Pass control']);
  await page.keyboard.press('Enter');
  await page.waitForURL('**/docs/operations/pass-control');
  await page.locator('#search').fill('no such thing');
  await page.getByText('Nothing found').waitFor();
}

async function main() {
  const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
  const browser = await chromium.launch({ executablePath: job.chromium, args: FLAGS, timeout: 60000 });
  try {
    await use(browser, job);
    await onAPhone(browser, job);
    await look(browser, job);
  } finally {
    await browser.close();
  }
}

main().catch((error) => { console.error(error); process.exit(1); });
