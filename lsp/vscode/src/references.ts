// The places that a lens of the server counts, shown as the editor shows references.

import * as vscode from 'vscode';

/** A position as the protocol has it. */
export interface Position {
    readonly line: number;
    readonly character: number;
}

/** A place as the protocol has it. */
export interface Location {
    readonly uri: string;
    readonly range: { readonly start: Position; readonly end: Position };
}

/** Shows places beside a position of a document. */
export async function showReferences(uri: string, at: Position, places: readonly Location[]): Promise<void> {
    const locations = places.map(({ uri, range }) => {
        const ends = new vscode.Range(position(range.start), position(range.end));
        return new vscode.Location(vscode.Uri.parse(uri), ends);
    });
    await vscode.commands.executeCommand(
        'editor.action.showReferences',
        vscode.Uri.parse(uri),
        position(at),
        locations,
    );
}

function position({ line, character }: Position): vscode.Position {
    return new vscode.Position(line, character);
}
