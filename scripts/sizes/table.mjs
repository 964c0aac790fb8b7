// The rows as a table in Markdown.

const bytes = (n) => n.toLocaleString("en");
const megabytes = (n) => (n / 1e6).toFixed(2);

/** `change` is to the row before it, or in the table of features to the first row. */
export function markdown(title, rows) {
  if (rows.length === 0) return "";
  const before = (i) => (title === "feature" ? rows[0] : rows[i - 1]);
  const change = (row, i) => (i === 0 ? "" : `${row.bytes < before(i).bytes ? "−" : "+"}${bytes(Math.abs(row.bytes - before(i).bytes))}`);
  const lines = rows.map((row, i) => [
    row.name,
    bytes(row.bytes),
    ...(title === "build" ? [] : [change(row, i)]),
    `${megabytes(row.gzip)} MB`,
    `${megabytes(row.tarball)} MB`,
    `${row.load.toFixed(1)} ms`,
    `${megabytes(row.resident)} MB`,
  ]);
  const head = [title, "bytes", ...(title === "build" ? [] : ["change"]), "gzip", "tarball", "load", "resident"];
  const rule = head.map((_, i) => (i === 0 ? "---" : "--:"));
  return [head, rule, ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
