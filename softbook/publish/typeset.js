// MathJax without a page: from TeX to markup, made of MathJax's own parts. typeset.py runs this in V8.

const softbook = (() => {
  const { adaptors, handlers, a11y, core, mathjax, input, output } = MathJax._;
  const adaptor = adaptors.liteAdaptor.liteAdaptor();
  a11y["assistive-mml"].AssistiveMmlHandler(handlers.html_ts.RegisterHTMLHandler(adaptor));

  // Nothing of one formula lasts into the next: no macros are defined, and labels are forgotten.
  const tex = new input.tex_ts.TeX({
    packages: ["base", "ams", "boldsymbol", "braket", "cancel"],
    formatError: (_, error) => { throw error; },
  });
  const visitor = new core.MmlTree.SerializedMmlVisitor.SerializedMmlVisitor();

  // The sheet is for all formulas that there can be, so that pages may be built one at a time; the
  // size is left to the page's style.
  function documentFor(fontURL) {
    const font = new output.chtml.fonts.tex_ts.TeXFont({ fontURL });
    const chtml = new output.chtml_ts.CHTML({ adaptiveCSS: false, matchFontHeight: false, font });
    return mathjax.mathjax.document("", { InputJax: tex, OutputJax: chtml });
  }

  const page = documentFor("");

  function tried(text, display, end, written) {
    try {
      tex.reset();
      return { done: written(page.convert(text, { display, end })) };
    } catch (error) {
      return { wrong: error.message };
    }
  }

  return {
    chtml: (text, display) => tried(text, display, undefined, (node) => adaptor.outerHTML(node)),
    mathml: (text, display) => tried(text, display, core.MathItem.STATE.CONVERT, (tree) => visitor.visitTree(tree)),
    stylesheet(fontURL) {
      const made = documentFor(fontURL);
      return adaptor.textContent(made.outputJax.styleSheet(made));
    },
  };
})();
