import type { PickedFile } from "../messages.js";

/** Files of a field; those of a folder come by their paths within it, hidden ones of it are left out. */
export function filesOfInput({ files }: HTMLInputElement): PickedFile[] {
  return [...(files ?? [])]
    .map((file) => ({ name: file.webkitRelativePath || file.name, file }))
    .filter(({ name }) => !isHidden(name));
}

/**
 * Files that were dropped, those of folders included.
 * @throws {Error} where the browser does not read folders that are dropped: a page from a disk may read files only
 */
export async function filesOfDrop(transfer: DataTransfer): Promise<PickedFile[]> {
  // The list is emptied when the event ends: first everything is taken from it, then what takes time is done.
  const taken = [...transfer.items]
    .filter(({ kind }) => kind === "file")
    .map((item) => ({ folder: folderOf(item), file: item.getAsFile() }));
  const files = await Promise.all(
    taken.map(async ({ folder, file }) => {
      if (folder) return filesOfFolder(folder);
      return file ? [{ name: file.name, file }] : [];
    }),
  );
  return files.flat();
}

function folderOf(item: DataTransferItem): FileSystemDirectoryEntry | undefined {
  const entry = item.webkitGetAsEntry();
  return entry?.isDirectory ? (entry as FileSystemDirectoryEntry) : undefined;
}

async function filesOfFolder(folder: FileSystemDirectoryEntry): Promise<PickedFile[]> {
  try {
    return await filesOfEntry(folder);
  } catch (cause) {
    throw new Error(
      `${folder.name}: the browser does not read this folder when it is dropped; choose it by the button`,
      {
        cause,
      },
    );
  }
}

async function filesOfEntry(entry: FileSystemEntry): Promise<PickedFile[]> {
  const name = entry.fullPath.replace(/^\//, "");
  if (isHidden(name)) return [];
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [{ name, file }];
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  const all: FileSystemEntry[] = [];
  // A folder's names come in parts, the last of which is empty.
  for (;;) {
    const part = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) break;
    all.push(...part);
  }
  return (await Promise.all(all.map(filesOfEntry))).flat();
}

/** Whether something within a folder is hidden: a file that is given by itself is meant. */
function isHidden(path: string): boolean {
  return path
    .split("/")
    .slice(1)
    .some((part) => part.startsWith("."));
}

/** Files of before and new ones: the newest where several have a name. */
export function mergedFiles(before: readonly PickedFile[], added: readonly PickedFile[]): PickedFile[] {
  return [...new Map([...before, ...added].map((one) => [one.name, one])).values()];
}
