// `seedcast delete`: removes an ended job: its ledger, evidence, events and snapshots.
import { controlVerb } from '../jobs/control.js';

export const deleteVerb = controlVerb({
  name: 'delete',
  description: 'remove a job that has ended, never began or is stuck, with everything it stored',
  done: 'deleted',
  shows: () => true,
});
