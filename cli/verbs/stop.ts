// `seedcast stop`: finish the step under way and end the job; its last step is kept (exit code of a watch: 7).
import { controlVerb } from '../jobs/control.js';

export const stop = controlVerb({
  name: 'stop',
  description: 'finish the step under way and end the job; its last step is kept (exit code of a watch: 7)',
  done: 'stopped',
  shows: (state) => state === 'stopped',
});
