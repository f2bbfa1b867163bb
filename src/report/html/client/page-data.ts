/** What the page's script is given: plain data in a script element of type application/json. Texts in it are safe to show as they are. */
export interface PageData {
  /** In the order of the report; charts, legends and tables know a gateway by its place here. */
  readonly gateways: readonly PageGateway[];
  /** Absent where no frame was read. */
  readonly timeline?: PageTimeline;
  /** By time. */
  readonly marks: readonly PageMark[];
  /** By the name in the `data-grid` attribute of their places. */
  readonly grids: Readonly<Record<string, GridData>>;
}

export interface PageGateway {
  readonly node: string;
  readonly egressIP: string;
  /** NAT ports toward one remote, port and protocol. */
  readonly portsLimit: number;
}

/** Counts per step. Every array has `steps` numbers. */
export interface PageTimeline {
  /** Microseconds since the epoch. */
  readonly fromUs: number;
  readonly stepMs: number;
  readonly steps: number;
  readonly gateways: readonly GatewaySteps[];
  /** Frames that were sent to a gateway that was not there. */
  readonly lost: readonly number[];
  /** Connections. */
  readonly broken: readonly number[];
  readonly rebound: readonly number[];
}

export interface GatewaySteps {
  /** Place in `PageData.gateways`. */
  readonly gateway: number;
  /** Opened. */
  readonly connections: readonly number[];
  readonly bytes: readonly number[];
  /** Most ports in use toward one remote, port and protocol: not a sum, but a highest value. */
  readonly ports: readonly number[];
}

/** Something that happened to a gateway, as a line across the charts. */
export interface PageMark {
  /** Microseconds since the epoch. */
  readonly atUs: number;
  /** For the line's own label: a word or three. */
  readonly label: string;
  readonly tone: "bad" | "good" | "note";
}

/** A table that may have more rows than a page can hold at a time, by columns. */
export interface GridData {
  readonly columns: readonly GridColumn[];
  readonly filters: readonly GridFilter[];
  /** Row height and columns are the style's; `rows` is the length of every column. */
  readonly rows: number;
  /** How many there are besides those in `rows`, where the page does not hold all. */
  readonly left: number;
}

export interface GridColumn {
  /** Word for the style and for filters. */
  readonly key: string;
  readonly title: string;
  /** Texts themselves, or numbers: places in `texts`, counts where it is `numeric`, else microseconds since the epoch. */
  readonly values: ArrayLike<string | number>;
  readonly texts?: readonly string[];
  readonly numeric?: true;
  /** Only for filters. */
  readonly hidden?: true;
}

export interface GridFilter {
  readonly label: string;
  /** `choice`: one of the texts of the columns; `prefix`: what the text begins with. */
  readonly kind: "choice" | "prefix";
  /** Keys of columns with `texts`: a row stays where one of them fits. */
  readonly keys: readonly string[];
}
