import type { Field } from "./field.js";

/** One condition on labels; `matchLabels` entries are `In` with one value. */
export interface Requirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}

/** All requirements must hold; none = everything matches. A missing selector is `undefined`, which is something else. */
export type LabelSelector = readonly Requirement[];

const LONGEST_VALUE = 63;
const VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;
const KEY = /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

/** Reads a Kubernetes LabelSelector; undefined where it is missing (or null). Faults go to the field's log. */
export function readSelector(field: Field): LabelSelector | undefined {
  if (field.isMissing) return undefined;
  if (!field.isObject) {
    field.fault("a label selector with matchLabels or matchExpressions");
    return undefined;
  }
  const requirements: Requirement[] = [];
  for (const [key, value] of field.get("matchLabels").entries()) {
    checkKey(key, value);
    const text = labelValue(value);
    if (text !== undefined) requirements.push({ key, operator: "In", values: [text] });
  }
  for (const expression of field.get("matchExpressions").items()) {
    const requirement = readExpression(expression);
    if (requirement) requirements.push(requirement);
  }
  return requirements;
}

function readExpression(expression: Field): Requirement | undefined {
  const keyField = expression.get("key");
  const key = keyField.requiredText("a label key");
  const operatorField = expression.get("operator");
  const operator = OPERATORS.find((name) => name === operatorField.value);
  if (!operator) operatorField.fault("In, NotIn, Exists or DoesNotExist");
  if (key !== undefined) checkKey(key, keyField);
  const valuesField = expression.get("values");
  const values = valuesField.items().map(labelValue);
  const wantsValues = operator === "In" || operator === "NotIn";
  if (wantsValues && values.length === 0) valuesField.fault(`at least one value for operator ${operator}`);
  if (operator && !wantsValues && values.length > 0) valuesField.fault(`no values for operator ${operator}`);
  if (!operator || key === undefined || values.includes(undefined)) return undefined;
  return { key, operator, values: values as string[] };
}

function checkKey(key: string, field: Field): void {
  if (!KEY.test(key)) field.withValue(key).fault("a label key such as app or example.com/app");
}

function labelValue(field: Field): string | undefined {
  const expected = `a label value of at most ${LONGEST_VALUE} letters, digits, "-", "_" and "."`;
  const text = field.requiredText(expected);
  if (text === undefined) return undefined;
  if (text.length <= LONGEST_VALUE && VALUE.test(text)) return text;
  field.fault(expected);
  return undefined;
}

/** Whether `labels` meet all requirements. A missing label meets `NotIn` and `DoesNotExist`. */
export function matchesSelector(selector: LabelSelector, labels: ReadonlyMap<string, string>): boolean {
  return selector.every(({ key, operator, values }) => {
    const value = labels.get(key);
    if (operator === "Exists") return value !== undefined;
    if (operator === "DoesNotExist") return value === undefined;
    const isListed = value !== undefined && values.includes(value);
    return operator === "In" ? isListed : !isListed;
  });
}

/** The same selector on labels that carry `prefix` in front of their keys. */
export function prefixKeys(selector: LabelSelector, prefix: string): LabelSelector {
  return selector.map((requirement) => ({ ...requirement, key: prefix + requirement.key }));
}

/** `app in (a,b), !debug` for messages. */
export function formatSelector(selector: LabelSelector): string {
  if (selector.length === 0) return "everything";
  return selector.map(formatRequirement).join(", ");
}

function formatRequirement({ key, operator, values }: Requirement): string {
  if (operator === "Exists") return key;
  if (operator === "DoesNotExist") return `!${key}`;
  if (operator === "In" && values.length === 1) return `${key}=${values[0]}`;
  return `${key} ${operator === "In" ? "in" : "not in"} (${values.join(",")})`;
}
