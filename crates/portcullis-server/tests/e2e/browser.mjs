// Headless Chromium, and the demo page in it.
import { page as address, require, tokens } from './support.mjs';

const { chromium } = require('playwright-core');
let browser;

export async function launch() {
  browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox'] });
}

export const quit = () => browser?.close();

/** A page of its own context, signed in by the link that `dev` prints. What the browser complains about is kept. */
export async function open(user, options = {}) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1360, height: 820 }, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(8_000);
  page.complaints = [];
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && page.complaints.push(message.text()));
  await page.goto(user ? `${address}#user=${user}&token=${tokens.get(user)}` : address.href);
  return page;
}

export const connected = (page) => page.waitForSelector('body[data-state="online"]');
export const reads = (page, id, text) => page.getByTestId(id).getByText(text).first().waitFor();
