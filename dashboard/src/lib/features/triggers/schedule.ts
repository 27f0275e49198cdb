// Cron expressions in words. The rules are the server's: a day field that starts with `*` or is `?` restricts nothing
// by itself; when both day fields restrict, either is enough, unless a `+` stands before the weekday.

const NICKNAMES: Record<string, string> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
};
const MONTHS = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const NTH = ['', 'first', 'second', 'third', 'fourth', 'fifth'];
/** More times than this are told as a range. */
const MOST_TIMES = 6;

/** A field of numbers: those it names, in order, and whether that is all of them. */
interface Field {
  values: number[];
  /** `*`, `?`, or the whole range. */
  all: boolean;
  /** Of `*` and a step. */
  step: number | null;
  /** Whether it is one range without a step. */
  range: boolean;
}

/** What a schedule means; nothing for one that this does not understand, which its expression has to tell. */
export function inWords(expression: string): string | null {
  const written = NICKNAMES[expression.trim().toLowerCase()] ?? expression;
  const fields = written.trim().toUpperCase().split(/\s+/);
  const [second, minute, hour, day, month, weekday] = fields.length === 5 ? ['0', ...fields] : fields;
  if (fields.length < 5 || fields.length > 6 || weekday === undefined) return null;
  const seconds = numbers(second, 0, 59);
  const minutes = numbers(minute, 0, 59);
  const hours = numbers(hour, 0, 23);
  const months = numbers(named(month, MONTHS, 1), 1, 12);
  if (!seconds || !minutes || !hours || !months) return null;
  const days = daysOf(day, weekday);
  if (days === null) return null;
  const times = timesOf(seconds, minutes, hours);
  const everyDay = days === '' && months.all && /^at \d/.test(times) ? 'every day' : days;
  const parts = [times, everyDay, months.all ? '' : monthsOf(months)].filter(Boolean);
  const text = parts.join(', ');
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function timesOf(seconds: Field, minutes: Field, hours: Field): string {
  const [second, minute] = [seconds.values[0] ?? 0, minutes.values[0] ?? 0];
  if (seconds.values.length > 1) {
    return [often(seconds, 'second'), ofMinutes(minutes), hours.all ? '' : duringHours(hours)]
      .filter(Boolean)
      .join(' ');
  }
  const at = second === 0 ? '' : ` and ${second} ${second === 1 ? 'second' : 'seconds'}`;
  if (minutes.values.length > 1) {
    const during = hours.all
      ? minutes.step || minutes.all
        ? ''
        : ' of every hour'
      : ` ${duringHours(hours)}`;
    return `${often(minutes, 'minute')}${during}${at && `, ${second} s past it`}`;
  }
  if (hours.all)
    return minute === 0 && !at ? 'every hour, on the hour' : `every hour, at minute ${minute}${at}`;
  const clock = (hour: number) => [hour, minute, ...(second ? [second] : [])].map(two).join(':');
  const first = clock(hours.values[0] ?? 0);
  if (hours.values.length <= MOST_TIMES) return `at ${list(hours.values.map(clock))}`;
  if (hours.range) return `every hour from ${first} to ${clock(hours.values.at(-1) ?? 0)}`;
  if (hours.step && 24 % hours.step === 0) return `every ${hours.step} hours, from ${first}`;
  return `at ${list(hours.values.map(clock))}`;
}

/** `every minute`, `every 5 minutes`, `at minutes 1 and 2`. */
function often(field: Field, unit: string): string {
  if (field.all) return `every ${unit}`;
  const whole = unit === 'second' ? 'minute' : 'hour';
  if (field.step) {
    const even = 60 % field.step === 0;
    return `every ${field.step} ${unit}s${even ? '' : `, counted from the start of each ${whole}`}`;
  }
  if (field.range) return `every ${unit} from ${field.values[0]} to ${field.values.at(-1)}`;
  return `at ${unit}s ${list(field.values.map(String))}`;
}

/** Of which minutes seconds are. */
function ofMinutes(minutes: Field): string {
  if (minutes.all) return '';
  return minutes.values.length === 1
    ? `of minute ${minutes.values[0]}`
    : `of ${often(minutes, 'minute').replace(/^at /, '')}`;
}

function duringHours(hours: Field): string {
  const last = hours.values.at(-1) ?? 0;
  if (hours.values.length === 1) return `between ${two(last)}:00 and ${two(last)}:59`;
  if (hours.range) return `between ${two(hours.values[0] ?? 0)}:00 and ${two(last)}:59`;
  return `in the hours ${list(hours.values.map(String))}`;
}

/** Nothing for every day. */
function daysOf(day: string | undefined, weekday: string): string | null {
  const plain = weekday.replace(/^\+/, '');
  const [month, week] = [daysOfMonth(day ?? ''), weekdaysOf(plain)];
  if (month === null || week === null) return null;
  if (month === '' || week === '') return month || week;
  const free = (text: string) => /^[*?]/.test(text);
  const both = free(day ?? '') || free(plain) || plain !== weekday;
  return both ? `${week}, but only ${month}` : `${month}, and ${week}`;
}

function daysOfMonth(text: string): string | null {
  if (text === '*' || text === '?') return '';
  if (text === 'L') return 'on the last day of the month';
  if (text === 'LW' || text === 'WL') return 'on the last working day of the month';
  const near = /^(\d{1,2})W$/.exec(text)?.[1];
  if (near !== undefined) return `on the working day nearest to the ${nth(Number(near))}`;
  const field = numbers(text, 1, 31);
  if (field === null) return null;
  const { values } = field;
  if (field.step === 1) return '';
  if (field.step === 2) return 'on odd days of the month';
  if (field.range && values.length > 2)
    return `from the ${nth(values[0] ?? 1)} to the ${nth(values.at(-1) ?? 31)}`;
  return `on the ${list(values.map(nth))}`;
}

function weekdaysOf(text: string): string | null {
  if (text === '*' || text === '?') return '';
  const plain = named(text, WEEKDAYS, 0) ?? '';
  const special = /^([0-7])(?:#([1-5L])|(L))$/.exec(plain);
  if (special !== null) {
    const name = WEEKDAYS[Number(special[1]) % 7];
    const which = special[2] === 'L' || special[3] ? 'last' : NTH[Number(special[2])];
    return `on the ${which} ${name} of the month`;
  }
  const range = /^([0-7])-([0-7])$/.exec(plain);
  if (range !== null) {
    const [from, to] = [Number(range[1]) % 7, Number(range[2]) % 7];
    const length = ((to - from + 7) % 7) + 1;
    if (length > 2 && length < 7) return `from ${WEEKDAYS[from]} to ${WEEKDAYS[to]}`;
  }
  const field = numbers(plain, 0, 7);
  if (field === null) return null;
  const days = [...new Set(field.values.map((value) => value % 7))].sort();
  if (days.length === 7) return text.startsWith('*') ? '' : 'on every weekday, Sunday to Saturday';
  return `on ${list(days.map((value) => `${WEEKDAYS[value]}s`))}`;
}

function monthsOf({ values, range }: Field): string {
  const names = values.map((value) => MONTHS[value - 1] ?? '');
  return range && names.length > 2 ? `from ${names[0]} to ${names.at(-1)}` : `in ${list(names)}`;
}

/** Three-letter names as numbers. */
function named(text: string | undefined, names: string[], first: number): string | undefined {
  return text?.replace(/[A-Z]{3}/g, (found) => {
    const index = names.findIndex((name) => name.slice(0, 3).toUpperCase() === found);
    return index < 0 ? found : String(index + first);
  });
}

/** The numbers of a field; nothing when it has more than stars, numbers, ranges, steps and lists. */
function numbers(text: string | undefined, low: number, high: number): Field | null {
  const values = new Set<number>();
  for (const part of (text ?? '').split(',')) {
    const found = /^(?:(\*|\?)|(\d+)(?:-(\d+))?)(?:\/(\d+))?$/.exec(part);
    if (found === null) return null;
    const from = found[1] ? low : Number(found[2]);
    const to = found[1] ? high : Number(found[3] ?? found[2]);
    const step = Number(found[4] ?? 1);
    if (step < 1 || from < low || to > high || from > to) return null;
    for (let value = from; value <= to; value += step) values.add(value);
  }
  const star = /^[*?](?:\/(\d+))?$/.exec(text ?? '');
  return {
    values: [...values].sort((one, two) => one - two),
    all: values.size === high - low + 1,
    step: star === null ? null : Number(star[1] ?? 1),
    range: /^\d+-\d+$/.test(text ?? ''),
  };
}

function nth(day: number): string {
  const ending = day > 10 && day < 14 ? 'th' : (['th', 'st', 'nd', 'rd'][day % 10] ?? 'th');
  return `${day}${ending}`;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

function list(words: string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
