/** Whether there is a GPU to draw with. */

/** Drivers that draw by software: slower than elements, and on the processors that the guest wants. */
const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

let found: boolean | undefined;

export function drawsByGpu(): boolean {
  found ??= look();
  return found;
}

function look(): boolean {
  const context = document.createElement('canvas').getContext('webgl2', { failIfMajorPerformanceCaveat: true });
  if (!context) return false;
  const info = context.getExtension('WEBGL_debug_renderer_info');
  const driver = String(context.getParameter(info?.UNMASKED_RENDERER_WEBGL ?? context.RENDERER));
  context.getExtension('WEBGL_lose_context')?.loseContext();
  return !SOFTWARE.test(driver);
}
