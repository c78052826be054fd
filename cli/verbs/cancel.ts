// `seedcast cancel`: end the job at once (exit code of a watch: 8).
import { controlVerb } from '../jobs/control.js';

export const cancel = controlVerb({
  name: 'cancel',
  description: 'end the job at once (exit code of a watch: 8)',
  done: 'cancelled',
  shows: (state) => state === 'cancelled',
});
