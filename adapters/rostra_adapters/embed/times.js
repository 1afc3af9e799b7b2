// Times as readers say them.

const STEPS = [[60, "second"], [60, "minute"], [24, "hour"], [30.44, "day"], [12, "month"], [Infinity, "year"]];

/** @param {string} time RFC 3339 @param {string} language */
export function ago(time, language) {
  let left = (new Date(time).getTime() - Date.now()) / 1000;
  for (const [many, unit] of STEPS) {
    if (Math.abs(left) < many) {
      return new Intl.RelativeTimeFormat(language, { numeric: "auto" }).format(Math.round(left), unit);
    }
    left /= many;
  }
  return "";
}

/** @param {number} milliseconds @param {string} language */
export function duration(milliseconds, language) {
  const minutes = Math.max(1, Math.round(milliseconds / 60_000));
  return new Intl.NumberFormat(language, { style: "unit", unit: "minute", unitDisplay: "long" }).format(minutes);
}
