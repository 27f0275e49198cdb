// Every page that stands in the navigation, the palette and behind a chord. A page is added here when it is there.
import Activity from '@lucide/svelte/icons/activity';
import BookOpen from '@lucide/svelte/icons/book-open';
import Box from '@lucide/svelte/icons/box';
import Boxes from '@lucide/svelte/icons/boxes';
import CalendarClock from '@lucide/svelte/icons/calendar-clock';
import ClipboardList from '@lucide/svelte/icons/clipboard-list';
import FileCode from '@lucide/svelte/icons/file-code';
import Gauge from '@lucide/svelte/icons/gauge';
import Globe from '@lucide/svelte/icons/globe';
import Inbox from '@lucide/svelte/icons/inbox';
import KeyRound from '@lucide/svelte/icons/key-round';
import MailX from '@lucide/svelte/icons/mail-x';
import Rocket from '@lucide/svelte/icons/rocket';
import ScrollText from '@lucide/svelte/icons/scroll-text';
import Signpost from '@lucide/svelte/icons/signpost';
import Settings from '@lucide/svelte/icons/settings';
import User from '@lucide/svelte/icons/user';
import Variable from '@lucide/svelte/icons/variable';

export interface NavItem {
  title: string;
  /** The path; of an app's page what follows `/apps/{app}`. */
  path: string;
  icon: typeof Gauge;
  /** The second key of its chord `g …`. */
  key?: string;
}

/** Pages of the instance. */
export const INSTANCE: NavItem[] = [
  { title: 'Overview', path: '/', icon: Gauge, key: 'o' },
  { title: 'Apps', path: '/apps', icon: Boxes, key: 'a' },
  { title: 'Logs of all apps', path: '/logs', icon: ScrollText, key: 'm' },
  { title: 'API tokens', path: '/tokens', icon: KeyRound, key: 'k' },
  { title: 'Audit log', path: '/audit', icon: ClipboardList, key: 'i' },
  { title: 'Settings', path: '/settings', icon: Settings, key: 'c' },
  { title: 'API reference', path: '/reference', icon: BookOpen, key: 'p' },
  { title: 'Account', path: '/account', icon: User, key: 'y' },
];

/** Pages of an app. */
export const APP: NavItem[] = [
  { title: 'App overview', path: '', icon: Box, key: 'h' },
  { title: 'Scripts', path: '/scripts', icon: FileCode, key: 's' },
  { title: 'Routes', path: '/routes', icon: Signpost, key: 'r' },
  { title: 'Releases', path: '/releases', icon: Rocket, key: 'u' },
  { title: 'Executions', path: '/executions', icon: Activity, key: 'e' },
  { title: 'Logs', path: '/logs', icon: ScrollText, key: 'l' },
  { title: 'Triggers and schedules', path: '/triggers', icon: CalendarClock, key: 't' },
  { title: 'Queues and events', path: '/events', icon: Inbox, key: 'q' },
  { title: 'Dead letters', path: '/dead-letters', icon: MailX, key: 'd' },
  { title: 'Environment', path: '/env', icon: Variable, key: 'v' },
  { title: 'Domains', path: '/domains', icon: Globe, key: 'w' },
];

/** The address of an app's page. */
export function appPath(app: string, path = ''): string {
  return `/apps/${encodeURIComponent(app)}${path}`;
}

/** Whether an address is the page's, or below it. */
export function isCurrent(path: string, address: string): boolean {
  return address === path || (path !== '/' && address.startsWith(`${path}/`));
}
