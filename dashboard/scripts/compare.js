// Compares two builds: `node scripts/compare.js dist OTHER`. What is compressed in the first is unpacked: how small
// a compressor makes something is its own affair, what comes out is not.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { brotliDecompressSync, gunzipSync } from 'node:zlib';

const [committed = '', built = ''] = process.argv.slice(2);

/** @param {string} folder */
function filesOf(folder) {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return files.map((file) => relative(folder, file)).sort();
}

/** @type {string[]} */
const different = [];
const files = filesOf(committed);
for (const file of new Set([...files, ...filesOf(built)])) {
  const [one, two] = [join(committed, file), join(built, file)];
  if (!existsSync(one)) different.push(`${file} is missing`);
  else if (!existsSync(two)) different.push(`${file} is not made any more`);
  else if (/\.(br|gz)$/.test(file)) {
    const unpacked = file.endsWith('.br')
      ? brotliDecompressSync(readFileSync(one))
      : gunzipSync(readFileSync(one));
    const plain = one.replace(/\.(br|gz)$/, '');
    if (!unpacked.equals(readFileSync(plain))) different.push(`${file} holds something else than ${plain}`);
  } else if (!readFileSync(one).equals(readFileSync(two))) different.push(`${file} differs`);
}
if (different.length > 0) {
  console.error(`${committed} is not what the sources give; \`make dashboard\` builds it:`);
  console.error(different.slice(0, 20).join('\n'));
  process.exit(1);
}
console.log(`${committed}: ${files.length} files are what the sources give`);
