// A Twilio webhook as an Express application: the cluster module, node-postgres and its pool.
'use strict';

const cluster = require('node:cluster');
const crypto = require('node:crypto');
const express = require('express');
const { Pool } = require('pg');

const SELECT_TENANT = {
  name: 'select-tenant',
  text: 'SELECT id, account_sid, auth_token FROM tenants WHERE slug = $1',
};
const INSERT_MESSAGE = {
  name: 'insert-message',
  text: `INSERT INTO messages (tenant_id, message_sid, sender, profile_name, body) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (message_sid) DO NOTHING RETURNING id`,
};
const INSERT_JOB = {
  name: 'insert-job',
  text: 'INSERT INTO jobs (message_id) VALUES ($1)',
};

function sign(authToken, url, form) {
  const text = Object.keys(form).sort().reduce((signed, name) => signed + name + form[name], url);
  return crypto.createHmac('sha1', authToken).update(text, 'utf8').digest();
}

function signed(request, tenant) {
  const given = Buffer.from(request.get('X-Twilio-Signature') || '', 'base64');
  const url = `${request.protocol}://${request.get('Host')}${request.originalUrl}`;
  const expected = sign(tenant.auth_token, url, request.body);
  return given.length === expected.length && crypto.timingSafeEqual(given, expected);
}

function serve() {
  const pool = new Pool({
    connectionString: process.env.DATABASE_URL,
    max: Number(process.env.POOL_SIZE),
  });
  const tenants = new Map();

  async function findTenant(slug) {
    if (!tenants.has(slug)) {
      const { rows } = await pool.query({ ...SELECT_TENANT, values: [slug] });
      if (rows.length === 0) return undefined;
      tenants.set(slug, rows[0]);
    }
    return tenants.get(slug);
  }

  async function store(tenant, form) {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const values = [tenant.id, form.MessageSid, form.From, form.ProfileName || '', form.Body || ''];
      const { rows } = await client.query({ ...INSERT_MESSAGE, values });
      if (rows.length > 0) {
        await client.query({ ...INSERT_JOB, values: [rows[0].id] });
      }
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK');
      throw error;
    } finally {
      client.release();
    }
  }

  const app = express();
  app.set('trust proxy', 'loopback');
  app.disable('etag');
  app.disable('x-powered-by');
  app.use(express.urlencoded({ extended: false }));
  app.post('/bot/twilio/webhook', async (request, response) => {
    const tenant = await findTenant(request.hostname.split('.')[0]);
    if (!tenant) return response.sendStatus(404);
    if (!signed(request, tenant) || request.body.AccountSid !== tenant.account_sid) {
      return response.sendStatus(403);
    }
    await store(tenant, request.body);
    return response.type('text/xml').send('<Response/>');
  });
  app.listen(Number(process.env.PORT), '127.0.0.1');
}

if (cluster.isPrimary) {
  for (let n = 0; n < Number(process.env.WORKERS); n += 1) cluster.fork();
} else {
  serve();
}
