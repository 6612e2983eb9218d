// Figures in words. Pure, so that they can be tested.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const large = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const small = new Intl.NumberFormat("en", { maximumSignificantDigits: 4 });

/** A figure with thousands separators: all digits of a whole number, else those that count. */
export function figure(value: unknown): string {
  if (value === null || value === undefined) return "–";
  if (typeof value !== "number") return typeof value === "string" ? value : JSON.stringify(value);
  if (!Number.isFinite(value)) return "–";
  if (Number.isInteger(value)) return whole.format(value);
  return (Math.abs(value) >= 100 ? large : small).format(value);
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
  const rest = Math.max(0, Math.round(value));
  if (rest < 60) return `${rest} s`;
  if (rest < 3600) return `${Math.floor(rest / 60)} min ${rest % 60} s`;
  return `${Math.floor(rest / 3600)} h ${Math.floor((rest % 3600) / 60)} min`;
}
