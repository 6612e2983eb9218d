// Figures in words. Pure, so that they can be tested.

const grouped = new Intl.NumberFormat("en", { maximumSignificantDigits: 6 });

/** A figure with thousands separators and at most six digits that count. */
export function figure(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "number") return Number.isFinite(value) ? grouped.format(value) : "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A figure short enough for an axis: 1.5k, 2M. */
export function shortFigure(value: number): string {
  if (value !== 0 && Math.abs(value) < 0.001) return value.toExponential(0);
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 3 }).format(
    value,
  );
}

const sizes = ["B", "kB", "MB", "GB", "TB"];

/** A size in steps of 1000: "1.5 MB". */
export function size(bytes: number): string {
  let value = bytes;
  let step = 0;
  while (value >= 999.5 && step < sizes.length - 1) {
    value /= 1000;
    step += 1;
  }
  return `${value.toFixed(step === 0 || value >= 99.5 ? 0 : 1)} ${sizes[step] ?? ""}`;
}

/** Seconds as people say them: "12 s", "3 min 20 s". */
export function seconds(value: number): string {
  if (!Number.isFinite(value)) return "–";
  const whole = Math.max(0, Math.round(value));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`;
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`;
}
