// The job file as JSON Schema (draft 2020-12), for editors and other languages: docs/job.schema.json and
// `seedcast schema`. Made from the one schema that parses jobs, so the two cannot differ. Pure.

import { z } from 'zod';
import { jobFile } from './spec.js';

/** Some rules have no form in JSON Schema (an even population when antithetic, units of durations): only parsing checks them. */
export function jobJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(jobFile, { io: 'input', target: 'draft-2020-12' });
  return { $schema, title: 'Seedcast job', ...rest };
}

/** The text of docs/job.schema.json. */
export function jobSchemaText(): string {
  return `${JSON.stringify(jobJsonSchema(), null, 2)}\n`;
}
