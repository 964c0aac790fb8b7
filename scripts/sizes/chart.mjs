// The rows as bars, in SVG that reads on light and dark pages.

const [left, width, height, gap] = [330, 900, 18, 8];

export function chart(rows) {
  // The build with the compiler would make the others look alike.
  const most = Math.max(...rows.map(({ bytes }) => bytes).filter((bytes) => bytes < 8e6));
  const bars = rows.map(({ name, bytes }, i) => {
    const y = gap + i * (height + gap);
    const long = Math.min(bytes / most, 1) * (width - left - 90);
    const broken = bytes > most ? ` stroke="#888" stroke-dasharray="4 3"` : "";
    return `  <text x="${left - 8}" y="${y + 13}" text-anchor="end">${escaped(name.replaceAll("`", ""))}</text>
  <rect x="${left}" y="${y}" width="${long.toFixed(1)}" height="${height}" fill="#654ff0"${broken}/>
  <text x="${(left + long + 6).toFixed(1)}" y="${y + 13}">${(bytes / 1e6).toFixed(2)} MB${bytes > most ? " (cut)" : ""}</text>`;
  });
  const tall = gap + rows.length * (height + gap);
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${tall}" font-family="sans-serif" font-size="12" fill="#888">
${bars.join("\n")}
</svg>
`;
}

const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
