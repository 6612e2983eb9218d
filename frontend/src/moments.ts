// Moments in words. Pure, so that they can be tested.

const parts: Record<string, Intl.DateTimeFormatOptions> = {
  full: { dateStyle: "medium", timeStyle: "short" },
  date: { dateStyle: "medium" },
  time: { timeStyle: "medium" },
};

/** A moment in the zone of who reads (or in `zone`): "23 Nov 2026, 22:01". */
export function localWords(moment: Date, style: string, zone?: string): string {
  const options = parts[style] ?? parts.full;
  return new Intl.DateTimeFormat("en-GB", { ...options, ...(zone && { timeZone: zone }) }).format(
    moment,
  );
}

/** The moment to the second with the name of its zone, and the same in UTC. */
export function zoneWords(moment: Date, zone?: string): string {
  const local = new Intl.DateTimeFormat("en-GB", {
    dateStyle: "medium",
    timeStyle: "long",
    ...(zone && { timeZone: zone }),
  }).format(moment);
  const name = zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return `${local} (${name}) · ${moment.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

const steps: [limit: number, size: number, unit: Intl.RelativeTimeFormatUnit][] = [
  [60, 1, "second"],
  [3600, 60, "minute"],
  [86_400, 3600, "hour"],
  [30 * 86_400, 86_400, "day"],
  [365 * 86_400, 30 * 86_400, "month"],
  [Infinity, 365 * 86_400, "year"],
];

/** How long ago, in words: "just now", "3 minutes ago", "yesterday". */
export function agoWords(moment: Date, now: Date): string {
  const seconds = (moment.getTime() - now.getTime()) / 1000;
  const length = Math.abs(seconds);
  if (length < 10) return "just now";
  const step = steps.find(([limit]) => length < limit);
  const [, size, unit] = step ?? [0, 1, "second"];
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(
    Math.trunc(seconds / size),
    unit,
  );
}
