// The reference's one script: fills samples with the reader's values, sends requests, searches. It asks no other server.
'use strict';

const $ = (selector) => document.querySelector(selector);
const all = (selector) => [...document.querySelectorAll(selector)];

// --- the reader's values ------------------------------------------------------------------------------------------

// The server is the one that these pages come from, unless the reader names another.
const HERE = new URL(document.documentElement.dataset.root + '..', location.href).href.replace(/\/$/, '');
const FOR_THIS_TAB = /secret|token|code/i;

function storeOf(name) {
  return FOR_THIS_TAB.test(name) ? sessionStorage : localStorage;
}

function recall(name) {
  try { return storeOf(name).getItem('heliograph.' + name) || ''; } catch { return ''; }
}

function keep(name, value) {
  try {
    if (value) storeOf(name).setItem('heliograph.' + name, value);
    else storeOf(name).removeItem('heliograph.' + name);
  } catch { /* A browser that keeps nothing still fills. */ }
}

function valueOf(name) {
  const field = all('[data-value]').find((input) => input.dataset.value === name);
  const value = (field ? field.value : recall(name)).trim();
  if (name === 'url') return (value || HERE).replace(/\/+$/, '');
  if (name === 'scope') return { act: 'account', svc: 'account', app: 'app', int: 'integration' }[valueOf('keyId').slice(0, 3)] || '';
  return value;
}

/** Puts values for {{names}}; what is not known stays. */
function fill(text, write = (value) => value) {
  return text.replace(/\{\{(\w+)\}\}/g, (whole, name) => {
    const value = valueOf(name);
    return value ? write(value) : whole;
  });
}

// No sample may be made to say something else by what is put into it: neither quotes nor line ends.
const tame = (value) => value.replace(/["'\\`$\s]/g, (mark) => encodeURIComponent(mark).replace("'", '%27'));

const samples = all('pre.sample').map((element) => ({ element, code: element.firstElementChild, text: element.textContent }));

function showSamples() {
  const language = $('#language') ? $('#language').value : null;
  for (const sample of samples) {
    const { language: own, scheme: with_ } = sample.element.dataset;
    if (own) sample.element.hidden = own !== language || with_ !== scheme();
    if (!sample.element.hidden) paint(sample.code, fill(sample.text, tame));
  }
}

function scheme() {
  const chosen = all('[name=scheme]').find((radio) => radio.checked);
  return chosen ? chosen.value : 'basic';
}

function setUpValues() {
  for (const input of all('[data-value]')) {
    const { value: name } = input.dataset;
    input.value = recall(name);
    if (name === 'url') input.placeholder = HERE;
    input.addEventListener('input', () => { keep(name, input.value.trim()); say(''); showSamples(); });
  }
  for (const radio of all('[name=scheme]')) {
    radio.checked = radio.value === (recall('scheme') || 'basic');
    radio.addEventListener('change', () => { keep('scheme', radio.value); showSamples(); });
  }
  const language = $('#language');
  if (language) {
    const known = [...language.options].map((option) => option.value);
    if (known.includes(recall('language'))) language.value = recall('language');
    language.addEventListener('change', () => { keep('language', language.value); showSamples(); });
  }
  if ($('#sign')) $('#sign').addEventListener('click', sign);
  if ($('.fold')) $('.fold').addEventListener('click', () => unfold(!$('.values').classList.contains('open')));
}

/** Says something of the values, beside them. */
function say(text) {
  $('#said').textContent = text;
}

/** On a phone the values are folded. */
function unfold(open) {
  $('.values').classList.toggle('open', open);
  $('.fold').setAttribute('aria-expanded', String(open));
}

// --- code -----------------------------------------------------------------------------------------------------------

// What all languages have alike: names that wait for a value, comments, texts, and the words and numbers of JSON.
const PARTS = /(\{\{\w+\}\})|^([ \t]*(?:\/\/|# ).*)|("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')|\b(true|false|null|\d+(?:\.\d+)?)\b/gm;

/** Shows a text in colours; it stays the same text. */
function paint(code, text) {
  const span = (name, part) => Object.assign(document.createElement('span'), { className: name, textContent: part });
  const parts = [];
  let at = 0;
  for (const found of text.matchAll(PARTS)) {
    parts.push(text.slice(at, found.index));
    at = found.index + found[0].length;
    const [part, open, aside, quoted] = found;
    if (open) parts.push(span('open-name', part));
    else if (aside) parts.push(span('aside', part));
    else if (quoted) part.split(/(\{\{\w+\}\})/).forEach((piece, n) => parts.push(span(n % 2 ? 'open-name' : 'text', piece)));
    else parts.push(span('word', part));
  }
  code.replaceChildren(...parts, text.slice(at));
}

/** On paper nothing is folded. */
function setUpPrint() {
  let opened = [];
  addEventListener('beforeprint', () => {
    opened = all('details:not([open])');
    opened.forEach((details) => { details.open = true; });
  });
  addEventListener('afterprint', () => opened.forEach((details) => { details.open = false; }));
}

function setUpCode() {
  for (const code of all('pre:not(.sample) > code')) paint(code, code.textContent);
  for (const button of all('.copy')) button.addEventListener('click', copy);
}

async function copy(event) {
  const code = event.target.closest('.block').querySelector('pre:not([hidden])');
  try {
    await navigator.clipboard.writeText(code.textContent);
    event.target.textContent = 'Copied';
  } catch {
    getSelection().selectAllChildren(code);
    event.target.textContent = 'Selected';
  }
  setTimeout(() => { event.target.textContent = 'Copy'; }, 1500);
}

// --- tokens -------------------------------------------------------------------------------------------------------

const base64url = (bytes) => btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');

/** Signs a token with the key, for an hour. */
async function sign() {
  if (!valueOf('keyId') || !valueOf('secret')) return say('It takes a key id and a secret.');
  if (!valueOf('scope')) return say('A key id begins with act_, svc_, app_ or int_.');
  if (!crypto.subtle) return say('Browsers sign only on https pages and on this machine.');
  const bytes = (text) => new TextEncoder().encode(text);
  const part = (value) => base64url(bytes(JSON.stringify(value)));
  const exp = Math.floor(Date.now() / 1000) + 3600;
  const text = part({ alg: 'HS256', typ: 'JWT', kid: valueOf('keyId') }) + '.' + part({ scope: valueOf('scope'), exp });
  const key = await crypto.subtle.importKey('raw', bytes(valueOf('secret')), { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  put('token', text + '.' + base64url(new Uint8Array(await crypto.subtle.sign('HMAC', key, bytes(text)))));
  return say('Signed; it is good for an hour.');
}

function put(name, value) {
  keep(name, value);
  const field = all('[data-value]').find((input) => input.dataset.value === name);
  if (field) field.value = value;
  showSamples();
}

// --- sending ------------------------------------------------------------------------------------------------------

async function send(event) {
  event.preventDefault();
  const form = event.target;
  const outcome = $('#outcome');
  const query = new URLSearchParams(all('[data-query-name]').filter((input) => input.value)
    .map((input) => [input.dataset.queryName, fill(input.value)])).toString();
  const path = fill(form.dataset.path, encodeURIComponent);
  const body = $('#sent') ? fill($('#sent').value) : undefined;
  const lacking = lack(form, path + decodeURIComponent(query) + (body || ''));
  if (lacking) return ask(outcome, lacking);
  const request = { method: form.dataset.method, headers: {}, body, redirect: 'manual', credentials: 'omit', cache: 'no-store' };
  if (!form.dataset.open) request.headers.Authorization = credential();
  if (body !== undefined) request.headers['Content-Type'] = 'application/json';
  const file = $('[data-part]');
  if (file) {
    if (!file.files.length) return show(outcome, [['p', 'First choose a file.']]);
    request.body = new FormData();
    request.body.append(file.dataset.part, file.files[0]);
  }
  // The page may call the server it comes from, and no other.
  const since = performance.now();
  try {
    const response = await fetch(HERE + path + (query ? '?' + query : ''), request);
    return await tell(outcome, response, Math.round(performance.now() - since), form);
  } catch (error) {
    return show(outcome, [['p', `No answer: ${error.message}`, 'bad']]);
  }
}

/** The name of a value without which nothing can be sent. */
function lack(form, text) {
  const open = text.match(/\{\{(\w+)\}\}/);
  if (open) return open[1];
  const credentials = scheme() === 'bearer' ? ['token'] : ['keyId', 'secret'];
  return form.dataset.open ? undefined : credentials.find((name) => !valueOf(name));
}

function ask(outcome, name) {
  const field = all('[data-value]').find((input) => input.dataset.value === name);
  const text = `First fill in ${field ? field.closest('label').textContent.trim() : name}.`;
  show(outcome, [['p', text, 'bad']]);
  if (!field) return;
  unfold(true);
  say(text);
  field.focus();
}

function credential() {
  if (scheme() === 'bearer') return 'Bearer ' + valueOf('token');
  const pair = new TextEncoder().encode(valueOf('keyId') + ':' + valueOf('secret'));
  return 'Basic ' + btoa(String.fromCharCode(...pair));
}

async function tell(outcome, response, ms, form) {
  if (response.type === 'opaqueredirect') return show(outcome, [['p', 'Status 302: it leads a browser elsewhere.', 'good']]);
  let text = await response.text();
  try {
    const answer = JSON.parse(text);
    text = JSON.stringify(answer, null, 2);
    if (response.ok) take(answer, JSON.parse(form.dataset.keeps));
  } catch { /* It is shown as it came. */ }
  const headers = [...response.headers].map(([name, value]) => `${name}: ${value}`).join('\n');
  const elsewhere = valueOf('url') === HERE ? [] : [['p', `Sent to ${HERE}, from which this page comes.`, 'note']];
  return show(outcome, [
    ['p', `Status ${response.status}, ${ms} ms`, response.ok ? 'good' : 'bad'], ...elsewhere,
    ['pre', text, 'Answer'], ['pre', headers, 'Headers'],
  ]);
}

/** What was made becomes a value of the reader's: the next page goes on with it. */
function take(answer, keeps) {
  for (const [name, place] of keeps) {
    const value = place.replace(/\[(\d+)\]/g, '.$1').split('.').reduce((at, step) => (at ? at[step] : at), answer);
    if (typeof value === 'string' && !/secret/i.test(name)) put(name, value);
  }
}

/** Shows paragraphs (`['p', text, class]`) and blocks of code (`['pre', text, label]`). */
function show(outcome, parts) {
  outcome.replaceChildren(...parts.map(([tag, text, word]) => {
    const element = document.createElement(tag);
    if (tag === 'p') return Object.assign(element, { textContent: text, className: word || '' });
    Object.entries({ role: 'group', tabindex: 0, 'aria-label': word }).forEach(([name, value]) => element.setAttribute(name, value));
    const code = element.appendChild(document.createElement('code'));
    if (word === 'Answer') paint(code, text);
    else code.textContent = text;
    return element;
  }));
  outcome.scrollIntoView({ block: 'nearest' });
}

// --- finding ------------------------------------------------------------------------------------------------------

function search() {
  const words = $('#search').value.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (item) => words.every((word) => (item.textContent + ' ' + (item.dataset.hint || '')).toLowerCase().includes(word));
  for (const item of all('#pages li')) item.hidden = !fits(item);
  for (const section of all('#pages section')) section.hidden = !section.querySelector('li:not([hidden])');
  $('.nothing').hidden = all('#pages li:not([hidden])').length > 0;
}

/** Opens or closes the list, where it does not stand beside the page. */
function setUpMenu() {
  const menu = $('.menu');
  const open = (wanted) => {
    $('.list').classList.toggle('open', wanted);
    menu.setAttribute('aria-expanded', String(wanted));
  };
  const isOpen = () => $('.list').classList.contains('open');
  menu.addEventListener('click', () => open(!isOpen()));
  document.addEventListener('keydown', (event) => {
    if (event.key === 'Escape' && isOpen()) {
      open(false);
      menu.focus();
    }
    if (event.key !== '/' || event.target.closest('input, textarea, select')) return;
    event.preventDefault();
    open(true);
    $('#search').focus();
  });
}

function setUpList() {
  $('#search').addEventListener('input', search);
  $('#search').addEventListener('keydown', (event) => {
    const first = $('#pages li:not([hidden]) a');
    if (event.key === 'Enter' && first) first.click();
  });
  const current = $('#pages [aria-current]');
  if (current && current.offsetParent) $('.list').scrollTop = current.offsetTop - 200;
}

setUpValues();
setUpCode();
setUpPrint();
setUpMenu();
setUpList();
showSamples();
if ($('#try')) $('#try').addEventListener('submit', send);
