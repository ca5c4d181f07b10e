import { Problem, rightsOf, session } from "./api.js";
import { field, h, problem } from "./dom.js";

/** Asks for a key; `why` is the problem that ended the last session, or null. */
export function signIn(why, done) {
  const input = h("input", { type: "password", name: "key", autocomplete: "current-password", required: true, spellcheck: "false", placeholder: "fs_…" });
  const said = h("div", {}, why && problem(why));
  const submit = h("button.main", {}, "Sign in");
  const enter = async (event) => {
    event.preventDefault();
    submit.setAttribute("aria-busy", "true");
    try {
      const key = input.value.trim();
      if (/[^\x21-\x7e]/.test(key)) throw new Problem(0, { title: "That is not a key.", detail: "Keys look like fs_0123456789ab_…" });
      session.begin(key, await rightsOf(key));
      done();
    } catch (error) {
      if (error.status === 401) sessionStorage.clear();
      said.replaceChildren(problem(error));
      input.select();
    } finally {
      submit.removeAttribute("aria-busy");
    }
  };
  return h("form.sign-in", { on: { submit: enter } },
    h("h1", {}, "Sign in to Farsight"),
    said,
    field("API key", input, "It stays in this tab and is forgotten when you close it."),
    h("p", {}, submit),
    h("p.quiet", {}, "The service prints an admin key at its first start. Another one: ", h("code", {}, "farsight keys create --scope identify")));
}
