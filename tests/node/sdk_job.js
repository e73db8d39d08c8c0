// The official JavaScript SDK doing the whole job against one server.
//
//   node sdk_job.js JOB.json
//
// JOB.json: {url, key: {id, secret}, scheme: "basic" or "bearer", target: the webhook receiver}. Each step is checked
// here with `assert`; the last line of the output is a JSON object with ids, for the caller to look further.

'use strict';

const assert = require('node:assert/strict');
const crypto = require('node:crypto');
const fs = require('node:fs');
const sdk = require('sunshine-conversations-client');
const everyMethod = require('./every_method');
const rest = require('./sdk_rest');

const job = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const SCOPES = { act: 'account', app: 'app', int: 'integration' };

/** A token signed with a key; node's own crypto is all that takes. */
function token(key) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'HS256', typ: 'JWT', kid: key.id })}.${part({ scope: SCOPES[key.id.slice(0, 3)] })}`;
  return `${signed}.${crypto.createHmac('sha256', key.secret).update(signed).digest('base64url')}`;
}

/** An SDK client of a key, by the scheme of the job. */
function client(key) {
  const made = new sdk.ApiClient();
  made.basePath = job.url;
  if (job.scheme === 'basic') {
    made.authentications.basicAuth.username = key.id;
    made.authentications.basicAuth.password = key.secret;
  } else {
    made.authentications.bearerAuth.accessToken = token(key);
  }
  return made;
}

/** Asserts that a call is refused with this status and code. */
async function refused(promise, status, code) {
  const error = await promise.then(() => assert.fail(`${code} expected`), (error) => error);
  assert.equal(error.status, status, error.message);
  assert.equal(error.body.errors[0].code, code);
}

async function appsAndKeys() {
  const boss = client(job.key);
  const apps = new sdk.AppsApi(boss);
  const keys = new sdk.AppKeysApi(boss);
  const { app } = await apps.createApp({ displayName: 'JavaScript', settings: { multiConvoEnabled: true } });
  assert.equal((await apps.getApp(app.id)).app.displayName, 'JavaScript');
  assert.equal((await apps.updateApp(app.id, { displayName: 'Renamed' })).app.displayName, 'Renamed');
  // This SDK sends only the first key of a page object, in encoded brackets.
  assert.equal((await apps.listApps({ page: { size: 1 } })).apps.length, 1);
  const { key } = await keys.createAppKey(app.id, { displayName: 'JavaScript' });
  assert.equal((await keys.getAppKey(app.id, key.id)).key.secret, key.secret);
  assert.deepEqual((await keys.listAppKeys(app.id)).keys.map((one) => one.id), [key.id]);
  return { app: app.id, key: { id: key.id, secret: key.secret } };
}

async function integrations(app, worker) {
  const api = new sdk.IntegrationsApi(worker);
  const keys = new sdk.CustomIntegrationApiKeysApi(worker);
  const hooks = new sdk.WebhooksApi(worker);
  const webhooks = [{ target: job.target, triggers: ['conversation:message'] }];
  const { integration } = await api.createIntegration(app, { type: 'custom', displayName: 'Bot', webhooks });
  await api.createIntegration(app, { type: 'web' });
  const listed = await api.listIntegrations(app, { filter: { types: 'custom,line' } });
  assert.deepEqual(listed.integrations.map((one) => one.id), [integration.id]);
  const all = await api.listIntegrations(app, { page: { after: integration.id } });
  assert.deepEqual(all.integrations.map((one) => one.type), ['web']);
  const renamed = await api.updateIntegration(app, integration.id, { displayName: 'Robot' });
  assert.equal(renamed.integration.displayName, 'Robot');

  const { key } = await keys.createCustomIntegrationKey(app, integration.id, { displayName: 'My custom key' });
  assert.match(key.id, /^int_[0-9a-f]{24}$/);
  assert.equal((await keys.getCustomIntegrationKey(app, integration.id, key.id)).key.secret, key.secret);
  assert.equal((await keys.listCustomIntegrationKeys(app, integration.id)).keys.length, 1);

  const mine = new sdk.WebhooksApi(client(key));
  const [hook] = (await mine.listWebhooks(app, 'me')).webhooks;
  assert.equal((await hooks.getWebhook(app, integration.id, hook.id)).webhook.secret, hook.secret);
  const changed = await mine.updateWebhook(app, 'me', hook.id, { includeFullUser: true });
  assert.equal(changed.webhook.includeFullUser, true);
  await refused(hooks.createWebhook(app, integration.id, webhooks[0]), 400, 'bad_request');
  return { id: integration.id, key: { id: key.id, secret: key.secret }, webhook: hook.id };
}

async function talk(app, worker, bot) {
  const users = new sdk.UsersApi(worker);
  const conversations = new sdk.ConversationsApi(worker);
  const participants = new sdk.ParticipantsApi(worker);
  const messages = new sdk.MessagesApi(client(bot.key));
  const externalId = 'joe/blow?#%20 ü';
  const { user } = await users.createUser(app, { externalId, profile: { givenName: 'Joe' } });
  assert.equal((await users.getUser(app, externalId)).user.id, user.id);
  await users.updateUser(app, externalId, { metadata: { vip: true } });
  await refused(users.createUser(app, { externalId }), 409, 'conflict');

  const { conversation } = await conversations.createConversation(app, {
    type: 'personal', participants: [{ userId: user.id, subscribeSDKClient: false }],
  });
  const group = (await conversations.createConversation(app, { type: 'sdkGroup' })).conversation;
  const { participant } = await participants.joinConversation(app, group.id, { userExternalId: externalId });
  assert.equal((await participants.listParticipants(app, group.id, { page: { size: 5 } })).participants.length, 1);
  const own = await conversations.listConversations(app, { userExternalId: externalId }, { page: { size: 10 } });
  assert.deepEqual(own.conversations.map((one) => one.id).sort(), [conversation.id, group.id].sort());
  await participants.leaveConversation(app, group.id, { participantId: participant.id });
  await conversations.updateConversation(app, group.id, { displayName: 'Over' });
  await conversations.deleteConversation(app, group.id);
  await refused(conversations.getConversation(app, group.id), 404, 'conversation_not_found');

  const text = (type, value, who) => ({ author: { type, ...who }, content: { type: 'text', text: value } });
  const first = await messages.postMessage(app, conversation.id, text('user', 'Hello?', { userId: user.id }));
  const second = await messages.postMessage(app, conversation.id, text('business', 'Hello, Joe'));
  const ids = [first.messages[0].id, second.messages[0].id];
  assert.deepEqual((await messages.listMessages(app, conversation.id)).messages.map((one) => one.id), ids);
  const older = await messages.listMessages(app, conversation.id, { page: { before: ids[1] } });
  assert.deepEqual(older.messages.map((one) => one.id), [ids[0]]);
  await new sdk.ActivitiesApi(worker).postActivity(app, conversation.id, { author: { type: 'business' }, type: 'typing:start' });
  await messages.deleteMessage(app, conversation.id, ids[0]);
  return { conversation: conversation.id, messages: ids };
}

/** By what a user is reached. (This SDK does not know syncUser.) */
async function reach(app, worker) {
  const users = new sdk.UsersApi(worker);
  const clients = new sdk.ClientsApi(worker);
  const devices = new sdk.DevicesApi(worker);
  const { user } = await users.createUser(app, { externalId: 'mary' });
  const { integration } = await new sdk.IntegrationsApi(worker).createIntegration(app, { type: 'whatsapp' });
  const { conversation } = await new sdk.ConversationsApi(worker).createConversation(app, {
    type: 'personal', participants: [{ userId: user.id, subscribeSDKClient: true }],
  });
  const link = await clients.createClient(app, 'mary', {
    matchCriteria: { type: 'whatsapp', integrationId: integration.id, phoneNumber: '+1 212-555-2368' },
    confirmation: { type: 'immediate' },
    target: { conversationId: conversation.id },
  });
  assert.equal(link.client.status, 'pending');
  const listed = await clients.listClients(app, 'mary', { page: { size: 5 } });
  assert.deepEqual(listed.clients.map((one) => one.type), ['sdk', 'whatsapp']);
  await clients.removeClient(app, 'mary', link.client.id);
  assert.deepEqual((await devices.listDevices(app, 'mary')).devices, []);
  await refused(devices.getDevice(app, 'mary', link.client.id), 404, 'device_not_found');
  const web = (await new sdk.IntegrationsApi(worker).createIntegration(app, { type: 'web' })).integration;
  const seen = await announce(app, { type: 'web', guid: 'b0e5', integrationId: web.id });
  const { device } = await devices.getDevice(app, 'mary', seen.id);
  assert.deepEqual([device.guid, device.integrationId, device.status], ['b0e5', web.id, 'active']);
  assert.deepEqual((await devices.listDevices(app, 'mary')).devices.map((one) => one.id), [seen.id]);
  assert.equal((await users.deleteUserPersonalInformation(app, 'mary')).user.id, user.id);
}

/** Posts to the server's own operations, which this SDK does not know. */
async function ours(path, body) {
  const basic = Buffer.from(`${job.key.id}:${job.key.secret}`).toString('base64');
  const answer = await fetch(`${job.url}/heliograph/v1${path}`, {
    method: 'POST', body: JSON.stringify(body),
    headers: { authorization: `Basic ${basic}`, 'content-type': 'application/json' },
  });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

/** What SDKs on people's devices do, and this one does not: tells of the device. */
async function announce(app, device) {
  return (await ours(`/apps/${app}/users/mary/devices`, device)).device;
}

/** Deletes one of everything; the bot's own webhook stays, its deliveries may still be under way. */
async function cleanUp(app, worker, bot) {
  await new sdk.CustomIntegrationApiKeysApi(worker).deleteCustomIntegrationKey(app, bot.id, bot.key.id);
  const code = job.scheme === 'basic' ? 'unauthorized' : 'invalid_auth';
  await refused(new sdk.WebhooksApi(client(bot.key)).listWebhooks(app, 'me'), 401, code);

  const integrations = new sdk.IntegrationsApi(worker);
  const webhooks = [{ target: job.target, triggers: ['user:remove'] }];
  const spare = (await integrations.createIntegration(app, { type: 'custom', webhooks })).integration;
  const hooks = new sdk.WebhooksApi(worker);
  // This SDK shows of an integration only what all types have.
  await hooks.deleteWebhook(app, spare.id, (await hooks.listWebhooks(app, spare.id)).webhooks[0].id);
  const anew = (await hooks.createWebhook(app, spare.id, webhooks[0])).webhook;
  assert.deepEqual(anew.triggers, ['user:remove']);
  assert.equal((await integrations.getIntegration(app, spare.id)).integration.id, spare.id);
  await integrations.deleteIntegration(app, spare.id);
  await refused(integrations.getIntegration(app, spare.id), 404, 'integration_not_found');
}

async function main() {
  const leftOut = everyMethod.record(sdk);
  const { app, key } = await appsAndKeys();
  const worker = client(key);
  const bot = await integrations(app, worker);
  const said = await talk(app, worker, bot);
  await reach(app, worker);
  await rest.switchboards(app, worker);
  await rest.attachments(app, worker, job.file);
  await rest.partner(job);
  said.messages.push(await rest.deletions(client(job.key), app, worker, ours));
  await cleanUp(app, worker, bot);
  assert.deepEqual(leftOut(), [], 'methods that this job never calls');
  console.log(JSON.stringify({ app, ...said }));
}

main().catch((error) => {
  console.error(error.status || '', error.response ? error.response.text : '', error.stack || error);
  process.exit(1);
});
