import type { PickedFile } from "../messages.js";

/** Files of a field; those of a folder come by their paths within it, hidden ones are left out. */
export function filesOfInput({ files }: HTMLInputElement): PickedFile[] {
  return [...(files ?? [])]
    .map((file) => ({ name: file.webkitRelativePath || file.name, file }))
    .filter(({ name }) => !isHidden(name));
}

/** Files that were dropped, those of folders included. */
export async function filesOfDrop(transfer: DataTransfer): Promise<PickedFile[]> {
  // The list is emptied when the event ends: entries first, then everything that takes time.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return [...transfer.files].map((file) => ({ name: file.name, file }));
  return (await Promise.all(entries.map(filesOfEntry))).flat();
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

function isHidden(path: string): boolean {
  return path.split("/").some((part) => part.startsWith("."));
}

/** Files of before and new ones: the new one where both have a name. */
export function mergedFiles(before: readonly PickedFile[], added: readonly PickedFile[]): PickedFile[] {
  const names = new Set(added.map(({ name }) => name));
  return [...before.filter(({ name }) => !names.has(name)), ...added];
}
