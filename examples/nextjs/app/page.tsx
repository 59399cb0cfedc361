import { Editor } from "./editor";

export default function Page() {
  return (
    <main>
      <h1>Remove something from a photo</h1>
      <Editor />
    </main>
  );
}
