'use strict';

// The official JavaScript SDK reads keys in hardened mode. Prints what it was told.

const fs = require('node:fs');
const sdk = require('sunshine-conversations-client');

const job = JSON.parse(fs.readFileSync(process.argv[2]));
const client = new sdk.ApiClient();
client.basePath = job.url;
client.authentications.basicAuth.username = job.key.id;
client.authentications.basicAuth.password = job.key.secret;

(async () => {
  const ofApp = new sdk.AppKeysApi(client);
  const ofIntegration = new sdk.CustomIntegrationApiKeysApi(client);
  const told = [
    (await ofApp.getAppKey(job.app, job.appKey)).key,
    ...(await ofApp.listAppKeys(job.app)).keys.filter((key) => key.id === job.appKey),
    (await ofIntegration.getCustomIntegrationKey(job.app, job.integration, job.integrationKey)).key,
    ...(await ofIntegration.listCustomIntegrationKeys(job.app, job.integration)).keys,
  ];
  if (told.length !== 4) throw new Error(`${told.length} keys`);
  console.log(JSON.stringify(told.map(({ id, secret }) => ({ id, secret }))));
})().catch((error) => {
  console.error(error);
  process.exit(1);
});
