// `seedcast pause`: finish the step under way and wait for resume.
import { controlVerb } from '../jobs/control.js';

export const pause = controlVerb({
  name: 'pause',
  description: 'finish the step under way and wait for resume',
  done: 'paused',
  shows: (state) => state === 'paused',
});
