import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from 'playwright-core'

/** Serious accessibility violations on the page once nothing moves any more, according to axe. */
export async function barriers(page: Page) {
  await still(page)
  const { violations } = await new AxeBuilder({ page }).analyze()
  const grave = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  return grave.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)])
}

/** Waits for transitions to end: halfway through, the contrast of what fades in is too low. Those that never end do not count. */
async function still(page: Page): Promise<void> {
  // A dialog starts its transition some frames after it is in the document.
  await page.waitForFunction(`(async () => {
    for (let frame = 0; frame < 4; frame++) await new Promise(requestAnimationFrame)
    return document.getAnimations().every(
      ({ effect, playState }) => playState !== 'running' || effect?.getComputedTiming().endTime === Infinity,
    )
  })()`)
}
