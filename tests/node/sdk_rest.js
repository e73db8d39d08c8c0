// The official JavaScript SDK at switchboards, attachments, a partner's way in, and what deletes.
//
// It lacks syncUser, postConversionEvents and getTokenInfo, which its release does not know yet.

'use strict';

const assert = require('node:assert/strict');
const fs = require('node:fs');
const sdk = require('sunshine-conversations-client');

/** Asserts that a call is refused with this status. */
async function refused(promise, status) {
  const error = await promise.then(() => assert.fail(`${status} expected`), (error) => error);
  assert.equal(error.status, status, error.message);
}

const custom = () => ({
  type: 'custom', displayName: 'Part', webhooks: [{ target: 'http://127.0.0.1:9/', triggers: ['conversation:message'] }],
});

exports.switchboards = async function switchboards(app, worker) {
  const boards = new sdk.SwitchboardsApi(worker);
  const api = new sdk.SwitchboardIntegrationsApi(worker);
  const board = (await boards.createSwitchboard(app)).switchboard.id;
  const parts = {};
  for (const name of ['bot', 'desk', 'spare']) {
    const { integration } = await new sdk.IntegrationsApi(worker).createIntegration(app, custom());
    const body = { name, integrationId: integration.id, deliverStandbyEvents: false };
    parts[name] = (await api.createSwitchboardIntegration(app, board, body)).switchboardIntegration.id;
  }
  const next = { nextSwitchboardIntegrationId: parts.desk };
  const changed = (await api.updateSwitchboardIntegration(app, board, parts.bot, next)).switchboardIntegration;
  assert.equal(changed.nextSwitchboardIntegrationId, parts.desk);
  await api.deleteSwitchboardIntegration(app, board, parts.spare);
  const listed = (await api.listSwitchboardIntegrations(app, board)).switchboardIntegrations;
  assert.deepEqual(listed.map((one) => one.name).sort(), ['bot', 'desk']);
  const enabled = { enabled: true, defaultSwitchboardIntegrationId: parts.bot };
  assert.equal((await boards.updateSwitchboard(app, board, enabled)).switchboard.enabled, true);
  assert.deepEqual((await boards.listSwitchboards(app)).switchboards.map((one) => one.id), [board]);
  await control(app, worker);
  await boards.updateSwitchboard(app, board, { enabled: false });
  await boards.deleteSwitchboard(app, board);
  assert.deepEqual((await boards.listSwitchboards(app)).switchboards, []);
};

async function control(app, worker) {
  const conversations = new sdk.ConversationsApi(worker);
  const actions = new sdk.SwitchboardActionsApi(worker);
  const { user } = await new sdk.UsersApi(worker).createUser(app, { externalId: 'ruth' });
  const { conversation } = await conversations.createConversation(app, {
    type: 'personal', participants: [{ userId: user.id, subscribeSDKClient: false }],
  });
  const held = async () => {
    const shown = (await conversations.getConversation(app, conversation.id)).conversation;
    const names = [shown.activeSwitchboardIntegration, shown.pendingSwitchboardIntegration];
    return names.map((one) => (one ? one.name : null));
  };
  await actions.passControl(app, conversation.id, { switchboardIntegration: 'bot' });
  assert.deepEqual(await held(), ['bot', null]);
  await actions.offerControl(app, conversation.id, { switchboardIntegration: 'next' });
  assert.deepEqual(await held(), ['bot', 'desk']);
  await actions.acceptControl(app, conversation.id, { metadata: { why: 'test' } });
  assert.deepEqual(await held(), ['desk', null]);
  await actions.releaseControl(app, conversation.id);
  assert.notEqual((await held())[0], 'desk');
}

exports.attachments = async function attachments(app, worker, file) {
  const api = new sdk.AttachmentsApi(worker);
  const { attachment } = await api.uploadAttachment(app, 'public', fs.createReadStream(file), {});
  assert.match(attachment.mediaType, /^text\/plain/);
  assert.equal(await (await fetch(attachment.mediaUrl)).text(), fs.readFileSync(file, 'utf8'));
  await api.deleteAttachment(app, { mediaUrl: attachment.mediaUrl });
  await refused(api.deleteAttachment(app, { mediaUrl: attachment.mediaUrl }), 404);
};

/** `job.partner`: {id, secret, code}, the code as a person at a browser made it. */
exports.partner = async function partner(job) {
  const nobody = new sdk.ApiClient();
  nobody.basePath = job.url;
  const oauth = new sdk.OAuthEndpointsApi(nobody);
  const { response } = await oauth.authorizeWithHttpInfo(job.partner.id, 'code', { state: 's' });
  assert.match(response.text, /<html/i);
  await oauth.authorize(job.partner.id, 'code', { state: 's' });
  const body = {
    code: job.partner.code, grant_type: 'authorization_code', client_id: job.partner.id, client_secret: job.partner.secret,
  };
  const made = await oauth.getToken(body);
  assert.equal(made.token_type, 'Bearer');

  const letIn = new sdk.ApiClient();
  letIn.basePath = job.url;
  letIn.authentications.bearerAuth.accessToken = made.access_token;
  await new sdk.OAuthEndpointsApi(letIn).revokeAccess();
  await refused(new sdk.OAuthEndpointsApi(letIn).revokeAccess(), 401);
};

/** Returns the id of the message that it posts: the webhook is told of it. `ours` posts to the server's own operations. */
exports.deletions = async function deletions(boss, app, worker, ours) {
  const apps = new sdk.AppsApi(boss);
  const keys = new sdk.AppKeysApi(boss);
  const users = new sdk.UsersApi(worker);
  const conversations = new sdk.ConversationsApi(worker);
  const { user } = await users.createUser(app, { externalId: 'gone' });
  const { conversation } = await conversations.createConversation(app, {
    type: 'personal', participants: [{ userId: user.id, subscribeSDKClient: false }],
  });
  const messages = new sdk.MessagesApi(worker);
  const bye = { author: { type: 'business' }, content: { type: 'text', text: 'Bye' } };
  const [said] = (await messages.postMessage(app, conversation.id, bye)).messages;
  await messages.deleteAllMessages(app, conversation.id);
  assert.deepEqual((await messages.listMessages(app, conversation.id)).messages, []);
  const ref = { bid: 'b', key: 'k', owner: 'o', signature: 's', url: 'https://example.org' };
  const wanted = { userId: user.id, apple: { interactiveDataRef: ref } };
  await refused(conversations.downloadMessageRef(app, conversation.id, wanted), 400);
  const { integration } = await new sdk.IntegrationsApi(worker).createIntegration(app, {
    type: 'apple', businessId: '9ef4e7a5', apiSecret: 'apple-api-secret-1', mspId: 'f8c3',
  });
  // What whoever runs the channel reports of a message that merely refers to its data.
  const event = { type: 'passthrough', payload: {}, download: { interactiveDataRef: ref, data: { title: 'Two tickets' } } };
  await ours(`/apps/${app}/conversations/${conversation.id}/channelEvents`, { integrationId: integration.id, event });
  assert.deepEqual(await conversations.downloadMessageRef(app, conversation.id, wanted), { title: 'Two tickets' });
  await users.deleteUser(app, 'gone');
  await refused(users.getUser(app, 'gone'), 404);

  const spare = (await apps.createApp({ displayName: 'Spare' })).app.id;
  const { key } = await keys.createAppKey(spare, { displayName: 'Spare' });
  await keys.deleteAppKey(spare, key.id);
  await refused(keys.getAppKey(spare, key.id), 404);
  await apps.deleteApp(spare);
  await refused(apps.getApp(spare), 404);
  return said.id;
};
