// Notes which methods of the SDK's classes have been answered, so that none is forgotten.

'use strict';

/** All methods of a class that make a call; each has a twin that shows the whole answer, which it calls itself. */
function methods(type) {
  const names = Object.getOwnPropertyNames(type.prototype);
  return names.filter((name) => name !== 'constructor' && !name.endsWith('WithHttpInfo'));
}

/** Starts noting; returns a function that names the methods without an answer other than a refusal. */
exports.record = function record(sdk) {
  const left = new Set();
  for (const [api, type] of Object.entries(sdk).filter(([name]) => name.endsWith('Api'))) {
    for (const name of methods(type)) {
      const original = type.prototype[name];
      left.add(`${api}.${name}`);
      type.prototype[name] = async function noted(...values) {
        const answer = await original.apply(this, values);
        left.delete(`${api}.${name}`);
        return answer;
      };
    }
  }
  return () => [...left];
};
