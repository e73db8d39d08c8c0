// Reads programs without running them: node --experimental-vm-modules check.js FOLDER.

'use strict';

const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const [folder] = process.argv.slice(2);
for (const name of fs.readdirSync(folder)) {
  const text = fs.readFileSync(path.join(folder, name), 'utf8');
  const read = name.endsWith('.mjs') ? vm.SourceTextModule : vm.Script;
  try {
    new read(text, name.endsWith('.mjs') ? { identifier: name } : { filename: name });
  } catch (error) {
    console.error(error.stack);
    process.exitCode = 1;
  }
}
// Which methods of the official library are called, and whether it has them.
const sdk = require('sunshine-conversations-client');
for (const name of fs.readdirSync(folder).filter((one) => one.endsWith('.cjs'))) {
  const text = fs.readFileSync(path.join(folder, name), 'utf8');
  const [, type] = text.match(/new sunshine\.(\w+Api)\(/);
  const [, method] = text.match(/await api\.(\w+)\(/);
  if (typeof sdk[type].prototype[method] === 'function') continue;
  if (typeof new sdk[type](new sdk.ApiClient())[method] === 'function') continue;
  console.error(`${name}: the library has no ${type}.${method}`);
  process.exitCode = 1;
}
