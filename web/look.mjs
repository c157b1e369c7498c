// Open the page in a browser, track frames of the demo clip, and print the ids of each as JSON.
// Run: node look.mjs ADDRESS CHROMIUM NUMBER_OF_FRAMES [FOLDER for screenshots]

import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const [address, executablePath, count, folder] = process.argv.slice(2);
const context = await chromium.launchPersistentContext(mkdtempSync(join(tmpdir(), "look-")), {
  executablePath,
  headless: true,
  viewport: { width: 1100, height: 950 },
  args: [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
  ],
});
context.setDefaultTimeout(600_000);
const page = await context.newPage();
const problems = [];
page.on("pageerror", (error) => problems.push(String(error)));
page.on("request", (request) => {
  const url = request.url();
  if (!url.startsWith(address) && !/^(blob|data):/.test(url)) problems.push(`asks for ${url}`);
});
await page.goto(address);
await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("Ready"));
const ids = await page.evaluate((number) => window.trackClip(number), Number(count));
if (folder) {
  await page.screenshot({ path: join(folder, "wide.png"), fullPage: true });
  await page.setViewportSize({ width: 390, height: 844 });
  await page.screenshot({ path: join(folder, "phone.png"), fullPage: true });
}
const status = await page.textContent("#status");
console.log(JSON.stringify({ ids, problems, status }));
await context.close();
