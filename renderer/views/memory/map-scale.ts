/** The horizontal axis of the memory map: an interval of physical addresses on so many pixels. */
export interface Scale {
  readonly from: number;
  readonly to: number;
}

export const GRANULE = 4096;

/** Zoomed about an address by a factor (below 1: in), kept within `limit`; a granule never gets wider than 64 pixels. */
export function zoomed(scale: Scale, at: number, factor: number, limit: Scale, pixels: number): Scale {
  const span = Math.min(Math.max((scale.to - scale.from) * factor, (pixels * GRANULE) / 64), limit.to - limit.from);
  const share = (at - scale.from) / (scale.to - scale.from);
  return within({ from: at - share * span, to: at + (1 - share) * span }, limit);
}
export function moved(scale: Scale, by: number, limit: Scale): Scale {
  return within({ from: scale.from + by, to: scale.to + by }, limit);
}
function within({ from, to }: Scale, limit: Scale): Scale {
  const span = to - from;
  const start = Math.min(Math.max(from, limit.from), limit.to - span);
  return { from: start, to: start + span };
}

/** A MECID's hue, in degrees: neighbours are far apart. */
export const mecidHue = (mecid: number): number => (mecid * 137.508) % 360;
