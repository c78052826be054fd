// `seedcast resume`: go on with a paused job.
import { controlVerb } from '../jobs/control.js';

export const resume = controlVerb({
  name: 'resume',
  description: 'go on with a paused job',
  done: 'resumed',
  shows: (state) => state === 'running',
  acceptsCode: true,
});
