// The demo page: everything it shows comes from portcullis.js, and everything goes into the page as text, never as HTML.
import { Portcullis } from './portcullis.js';

const HOME = 'chat:lobby';
const MESSAGES_MAX = 400;
const REFUSALS_MAX = 30;
const STORE = 'portcullis.token';
const PING_EVERY = 2_000;
const CLOCK = { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };

const $ = (id) => document.getElementById(id);
const body = document.body;

/** Builds an element from its class, its properties and its children. */
function make(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
}

// --- the token ---

/**
 * From the fragment, which a browser never sends to a server, and which is wiped at once so that neither the history nor
 * a shared screenshot keeps it. It stays in sessionStorage, so that a reload works; that is this tab's alone and ends with
 * it. Not localStorage: that outlives the visit and is open to every page of the origin, for ever.
 */
function findToken() {
  const fragment = new URLSearchParams(location.hash.slice(1));
  const token = fragment.get('token');
  if (location.hash) history.replaceState(null, '', location.pathname + location.search);
  if (token) sessionStorage.setItem(STORE, token);
  return { token: token ?? sessionStorage.getItem(STORE), user: fragment.get('user') };
}

function forgetToken() {
  sessionStorage.removeItem(STORE);
  location.reload();
}

// --- state ---

const WORDS = {
  idle: ['Not connected', 'Idle'],
  connecting: ['Connecting', 'Connecting'],
  online: ['Connected', 'Connected'],
  waiting: ['Connection lost', 'Reconnecting'],
  closed: ['Disconnected', 'Disconnected'],
};

const CLOSE_CODES = {
  1000: 'closed normally',
  1001: 'the other side is going away',
  1002: 'protocol error',
  1003: 'only text is accepted',
  1006: 'the connection broke',
  1007: 'not valid UTF-8',
  1008: 'against the policy',
  1009: 'the message was too big',
  1011: 'the server failed',
  1012: 'the server restarts',
  1013: 'the server is overloaded',
  4400: 'too many invalid messages',
  4401: 'not authenticated',
  4403: 'forbidden',
  4408: 'authentication came too late',
  4409: 'replaced by a newer connection of this session',
  4429: 'rate limited, persistently',
  4430: 'too slow a reader',
};

const REFUSALS = {
  rate_limited: 'Too many messages in too short a time',
  invalid_message: 'Not what the schema asks for',
  stale: 'The timestamp is too far from the server’s time',
  forbidden: 'The token does not allow this',
  message_too_big: 'Larger than the server takes; it was not sent',
  outbox_full: 'Too many messages wait to be sent',
  not_subscribed: 'Publishing needs a subscription',
  invalid_channel: 'No channel can have this name',
  too_many_subscriptions: 'This session holds as many channels as it may',
  unavailable: 'The server is behind; later',
};

let client;
const rooms = new Map(); // channel → its rows, its button and what is unread
let current = HOME;
let guess = ''; // Who the link said we are, until the server says it.
let retry; // { at, delay } while waiting.
let refusals = 0;
const latencies = [];
const statuses = new Map(); // user → what the last `status` event of theirs said

function showState({ state, code, reason, retryAt, delay, attempt, resumed }) {
  body.dataset.state = state;
  const [long, short] = WORDS[state];
  $('state').textContent = long;
  $('state-short').textContent = short;
  retry = state === 'waiting' ? { at: retryAt, delay, attempt } : undefined;
  const why = code === undefined ? '' : `${code} · ${CLOSE_CODES[code] ?? 'closed'}${reason ? ` · ${readable(reason)}` : ''}`;
  $('state-why').textContent = state === 'online' ? (resumed ? 'Session resumed, nothing lost' : `Welcome, ${client.user}`) : why;
  $('retry').hidden = state !== 'waiting' && state !== 'closed';
  $('retry-left').hidden = state !== 'waiting';
  $('disconnect').disabled = state === 'closed';
  for (const button of $('misbehave').children) button.disabled = state !== 'online';
  $('my-status').disabled = state !== 'online';
  if (state !== 'online') showLatency(undefined);
  tick();
}

/** The countdown of the next attempt. */
function tick() {
  if (!retry) return void ($('retry-now').textContent = 'Connect again');
  const left = Math.max(0, retry.at - Date.now());
  $('retry-left').value = retry.delay ? left / retry.delay : 0;
  $('retry-now').textContent = 'Now';
  $('state').textContent = `Retry in ${(left / 1000).toFixed(1)} s`;
  $('state-short').textContent = `Retrying in ${Math.ceil(left / 1000)} s`;
  requestAnimationFrame(() => retry && tick());
}

function readable(reason) {
  try {
    return `back in ${JSON.parse(reason).retry_after_ms} ms`;
  } catch {
    return reason.replaceAll('_', ' ');
  }
}

function showLatency(ms) {
  const text = ms === undefined ? '–' : ms < 1 ? '<1 ms' : `${Math.round(ms)} ms`;
  $('latency').textContent = $('latency-short').textContent = text;
  if (ms === undefined) return;
  latencies.push(ms);
  if (latencies.length > 40) latencies.shift();
  const top = Math.max(...latencies, 1) * 1.25; // A round trip may take no whole millisecond.
  const x = (i) => 200 - (latencies.length - 1 - i) * (200 / 39);
  const line = latencies.map((value, i) => `${i ? 'L' : 'M'}${x(i).toFixed(1)} ${(43 - (value / top) * 40).toFixed(1)}`).join('');
  $('spark').querySelector('.line').setAttribute('d', line);
  $('spark').querySelector('.area').setAttribute('d', `${line}V44H${x(0).toFixed(1)}Z`);
}

function showWelcome({ session, user, expires_at: expires }) {
  guess = user;
  $('me').textContent = user;
  $('session').textContent = session;
  $('session').title = session;
  $('expires').textContent = expires ? new Date(expires * 1000).toLocaleTimeString([], CLOCK) : 'never';
  document.title = `${user} · Portcullis`;
}

// --- channels and messages ---

function room(channel) {
  let found = rooms.get(channel);
  if (!found) {
    const unread = make('span', 'count');
    unread.hidden = true;
    const button = make('button', '', make('span', '', channel), unread);
    button.type = 'button';
    button.addEventListener('click', () => enter(channel));
    found = { items: [], unread, count: 0, button, row: make('li', '', button) };
    rooms.set(channel, found);
    $('channels').append(found.row);
  }
  return found;
}

function enter(channel) {
  current = channel;
  const here = room(channel);
  for (const [name, { button }] of rooms) button.setAttribute('aria-current', String(name === channel));
  here.count = 0;
  here.unread.hidden = true;
  $('channel').textContent = channel;
  $('messages').replaceChildren(...here.items);
  $('messages').scrollTop = $('messages').scrollHeight;
  showPeople();
  view('chat');
}

async function join(channel) {
  room(channel);
  try {
    await client.subscribe(channel);
    if (channel !== current) enter(channel);
  } catch (error) {
    if (error.code === 'closed') return;
    rooms.get(channel)?.row.remove();
    rooms.delete(channel);
    if (channel === current) enter(HOME);
  }
}

/** Adds one row to a channel's log, and to the page when that channel is shown. */
function add(channel, item) {
  const here = room(channel);
  here.items.push(item);
  if (here.items.length > MESSAGES_MAX) here.items.shift().remove();
  if (channel !== current) return;
  const list = $('messages');
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  list.append(item);
  if (atEnd || item.classList.contains('mine')) list.scrollTop = list.scrollHeight;
}

function avatar(user) {
  const icon = make('span', 'avatar', [...user][0] ?? '?');
  icon.ariaHidden = 'true';
  let hash = 7;
  for (const char of user) hash = (hash * 31 + char.codePointAt(0)) % 360;
  icon.style.setProperty('--hue', (hash * 137) % 360);
  return icon;
}

function messageRow(channel, from, text, timestamp) {
  const mine = from === client.user || from === guess;
  const last = room(channel).items.at(-1);
  const follows = last?.dataset.from === from && timestamp - Number(last.dataset.at) < 120_000;
  const time = make('time', '', new Date(timestamp).toLocaleTimeString([], CLOCK));
  const fate = make('span', 'fate');
  fate.hidden = true;
  const row = make('li', `message${mine ? ' mine' : ''}${follows ? ' follows' : ''}`, avatar(from), make('span', 'who', mine ? '' : from, time), make('span', 'body', text), fate);
  Object.assign(row.dataset, { from, at: timestamp, text });
  return row;
}

function note(channel, className, ...parts) {
  add(channel, make('li', `note ${className}`, ...parts));
}

/** Sends a message and shows its fate: waiting, acknowledged, or refused and why. */
async function say(channel, text) {
  const row = messageRow(channel, client.user ?? guess, text, Date.now());
  row.classList.add('waits');
  add(channel, row);
  const fate = row.querySelector('.fate');
  if (client.state !== 'online') {
    fate.textContent = 'Waits for the connection';
    fate.hidden = false;
  }
  try {
    await client.send('chat', { text }, { channel });
    row.classList.remove('waits');
    fate.hidden = true;
  } catch (error) {
    row.classList.remove('waits');
    row.classList.add('refused');
    fate.textContent = error.message;
    fate.hidden = false;
    if (error.code === 'message_too_big' || error.code === 'outbox_full') showRefusal(error.code, REFUSALS[error.code]);
  }
}

function receive({ channel, from, action, payload, timestamp }) {
  if (channel === undefined) return;
  if (action === 'status') {
    statuses.set(from, String(payload.status));
    return void (channel === current && showPeople());
  }
  if (action !== 'chat') return note(channel, '', make('b', '', from ?? ''), ` ${action}: ${JSON.stringify(payload)}`);
  const text = String(payload?.text ?? JSON.stringify(payload));
  if (from === client.user) {
    // Our own message, back from the log: it is on the page already, unless another tab sent it.
    const mine = room(channel).items.find((row) => row.dataset.text === text && row.dataset.from === from && !row.dataset.logged && !row.classList.contains('refused'));
    if (mine) return void (mine.dataset.logged = 'true');
  }
  const row = messageRow(channel, from, text, timestamp);
  row.dataset.logged = 'true';
  add(channel, row);
  if (channel !== current) {
    const here = room(channel);
    here.unread.textContent = String((here.count += 1));
    here.unread.hidden = false;
  }
}

// --- people ---

function showPeople(count) {
  const users = client.users(current);
  const known = new Map([...$('people').children].map((row) => [row.dataset.user, row]));
  const rows = users.map((user) => {
    const row = known.get(user) ?? make('li', '', avatar(user), make('span', '', user));
    row.dataset.user = user;
    row.dataset.status = statuses.get(user) ?? 'online';
    if (user === client.user && !row.querySelector('.you')) row.append(make('span', 'you', 'you'));
    return row;
  });
  for (const [user, row] of known) if (!users.includes(user)) row.remove();
  rows.forEach((row, i) => $('people').children[i] !== row && $('people').insertBefore(row, $('people').children[i] ?? null));
  const total = count ?? client.userCount(current);
  $('present-count').textContent = $('people-count').textContent = String(total);
  $('present-summary').textContent = total === 1 ? '1 present' : `${total} present`;
}

function showPresence({ channel, joined, left, userCount }) {
  if (!rooms.has(channel)) return;
  if (channel === current) showPeople(userCount);
  for (const user of joined) if (user !== client.user) note(channel, '', make('b', '', user), ' came in');
  for (const user of left) {
    statuses.delete(user);
    note(channel, '', make('b', '', user), ' left');
  }
}

// --- refusals ---

function showRefusal(code, text, closing = false) {
  const list = $('refusals');
  const last = list.firstElementChild;
  if (last && last.dataset.key === `${code} ${text}`) {
    last.dataset.times = String(Number(last.dataset.times) + 1);
    last.querySelector('time').textContent = `× ${last.dataset.times}`;
  } else {
    const row = make('li', `refusal${closing ? ' closing' : ''}`, make('strong', '', code), make('time', '', new Date().toLocaleTimeString([], { ...CLOCK, second: '2-digit' })), make('p', '', text));
    Object.assign(row.dataset, { key: `${code} ${text}`, times: '1' });
    list.prepend(row);
    if (list.children.length > REFUSALS_MAX) list.lastElementChild.remove();
  }
  $('refusals-none').hidden = true;
  $('refusal-count').textContent = String((refusals += 1));
  $('refusal-count').hidden = false;
}

function refused({ code, id, retryAfter, pointer, keyword }) {
  let text = REFUSALS[code] ?? code.replaceAll('_', ' ');
  if (pointer !== undefined) text += `: ${keyword} at ${pointer || '/'}`;
  if (retryAfter !== undefined) text += '. Slow down';
  if (id !== undefined) text += ` (message ${id})`;
  showRefusal(code, text);
}

const POLICIES = {
  retry: 'This client tries again.',
  token: 'This client tries again with a new token.',
  stop: 'Not retried: it would end the same way.',
};

function closed({ code, reason, policy }) {
  const because = reason && !reason.startsWith('{') ? ` “${reason}”` : '';
  showRefusal(`${code}${because}`, `Closed: ${CLOSE_CODES[code] ?? 'unknown code'}. ${POLICIES[policy]}`, true);
}

// --- misbehaviour ---

const act = (fields) => JSON.stringify({ action: 'chat', payload: { text: 'hi' }, timestamp: Date.now(), channel: current, ...fields });

const DEEDS = [
  ['Garbage', 'not JSON at all', () => client.sendRaw('{"action": oops')],
  ['Bad schema', 'text is a number', () => client.sendRaw(act({ payload: { text: 42 } }))],
  ['Smuggle', 'an unknown member', () => client.sendRaw(act({ admin: true }))],
  ['Unknown action', '“reboot”', () => client.sendRaw(act({ action: 'reboot' }))],
  ['Yesterday', 'a stale timestamp', () => client.sendRaw(act({ timestamp: Date.now() - 86_400_000 }))],
  ['Eavesdrop', 'another’s channel', () => client.subscribe('user:nobody').catch(() => {})],
  ['Flood', '300 at once', () => repeat(300, () => client.sendRaw(act({ payload: { text: 'flood' } })))],
  ['Persist', '60 × garbage', () => repeat(60, () => client.sendRaw('garbage'))],
  ['Too big', '80 KiB', () => client.sendRaw(act({ payload: { text: 'x'.repeat(80 * 1024) } }))],
  ['Binary', 'bytes, not text', () => client.sendRaw(new Uint8Array([0xde, 0xad]))],
];

function repeat(times, call) {
  for (let i = 0; i < times; i++) call();
}

// --- putting it together ---

function view(name) {
  body.dataset.view = name;
  for (const button of document.querySelectorAll('[data-show]')) button.setAttribute('aria-pressed', String(button.dataset.show === name));
}

function start(token, user) {
  guess = user ?? '';
  $('login').hidden = true;
  $('desk').hidden = false;
  const url = new URL('ws', location.href);
  url.protocol = location.protocol === 'http:' ? 'ws:' : 'wss:';
  url.search = url.hash = '';
  $('endpoint').textContent = $('endpoint').title = url.href;
  $('me').textContent = guess || '–';
  client = new Portcullis(url, { token });
  const on = (type, call) => client.addEventListener(type, ({ detail }) => call(detail));
  on('state', showState);
  on('welcome', showWelcome);
  on('welcome', () => client.ping());
  on('latency', ({ ms }) => showLatency(ms));
  on('message', receive);
  on('presence', showPresence);
  on('subscribed', ({ channel, userCount }) => {
    if (rooms.get(channel)?.items.length === 0) note(channel, '', 'You came in');
    if (channel === current) showPeople(userCount);
  });
  on('refused', refused);
  on('close', closed);
  on('gap', ({ channel, from, to }) => note(channel, 'gap', from.epoch === to.epoch ? `${to.offset - from.offset} messages are missing` : 'The channel began anew: messages may be missing'));
  for (const [name, what, deed] of DEEDS) {
    const button = make('button', '', name, make('small', '', what));
    button.type = 'button';
    button.disabled = true;
    button.addEventListener('click', () => client.state === 'online' && deed());
    $('misbehave').append(button);
  }
  // The client pings only when nothing else is heard; the page wants a figure all the time.
  setInterval(() => document.hidden || client.ping(), PING_EVERY);
  enter(HOME);
  client.connect();
  join(HOME);
}

$('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const text = $('text').value.trim();
  if (!text) return;
  $('text').value = '';
  say(current, text);
});
$('my-status').addEventListener('change', ({ target }) => {
  client.send('status', { status: target.value }, { channel: current }).catch(() => {}); // Shown among the refusals.
});
$('text').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  $('composer').requestSubmit();
});
$('join').addEventListener('submit', (event) => {
  event.preventDefault();
  join($('join-name').value.trim());
  $('join-name').value = '';
});
$('retry-now').addEventListener('click', () => {
  client.connect();
  for (const channel of rooms.keys()) join(channel);
});
$('disconnect').addEventListener('click', () => client.close());
$('forget').addEventListener('click', forgetToken);
$('login-form').addEventListener('submit', (event) => {
  event.preventDefault();
  const token = $('token').value.trim();
  sessionStorage.setItem(STORE, token);
  start(token);
});
for (const button of document.querySelectorAll('[data-show]')) button.addEventListener('click', () => view(button.dataset.show));
// Another link pasted into this tab changes only the fragment: start over with its token.
addEventListener('hashchange', () => location.hash.includes('token=') && location.reload());
addEventListener('online', () => client?.state === 'waiting' && client.connect());

const { token, user } = findToken();
if (token) start(token, user);
else $('login').hidden = false;

// A page that goes away says goodbye, so that nobody waits for it; one that comes out of the back-forward cache returns.
addEventListener('pagehide', () => client?.close());
addEventListener('pageshow', ({ persisted }) => persisted && client?.connect());
