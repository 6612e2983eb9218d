// Colours of the theme, for what is drawn on a canvas and cannot inherit them.

export interface Palette {
  text: string;
  muted: string;
  line: string;
  surface: string;
  series: string[];
  bad: string;
  warning: string;
  good: string;
}

let pencil: CanvasRenderingContext2D | null | undefined;

/** Any colour of CSS as rgb(): the drawing libraries know neither lab() nor color-mix(). */
function plain(colour: string): string {
  pencil ??= document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  if (!pencil || colour === "") return "rgb(128, 128, 128)";
  pencil.clearRect(0, 0, 1, 1);
  pencil.fillStyle = colour;
  pencil.fillRect(0, 0, 1, 1);
  const [red, green, blue] = pencil.getImageData(0, 0, 1, 1).data;
  return `rgb(${red ?? 0}, ${green ?? 0}, ${blue ?? 0})`;
}

/** Colours of the theme as it is now. */
export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => plain(style.getPropertyValue(`--${name}`).trim());
  return {
    text: read("tblr-body-color"),
    muted: read("tblr-secondary"),
    line: read("tblr-border-color"),
    surface: read("tblr-bg-surface"),
    series: [1, 2, 3, 4, 5, 6].map((index) => read(`assay-series-${index}`)),
    bad: read("tblr-red"),
    warning: read("tblr-orange"),
    good: read("tblr-green"),
  };
}
