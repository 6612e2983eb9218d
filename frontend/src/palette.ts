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

/** Colours of the theme as it is now; charts are drawn on a canvas and cannot inherit them. */
export function palette(): Palette {
  const style = getComputedStyle(document.documentElement);
  const read = (name: string): string => style.getPropertyValue(`--${name}`).trim();
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
