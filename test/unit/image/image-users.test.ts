import { expect, test } from '@jest/globals';
import { describeUsers } from '../../../src/image/image-users.ts';

test.each([
  [['web'], 'container web is using it'],
  [['web', 'db'], 'containers web, db are using it'],
  [['a', 'b', 'c', 'd', 'e'], 'containers a, b, c and 2 more are using it'],
])('who uses an image is told of one and of several: %j', (users, words) => {
  expect(describeUsers(users)).toBe(words);
});
