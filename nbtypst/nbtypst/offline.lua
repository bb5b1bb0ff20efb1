-- Turns Markdown and LaTeX into HTML, and formulas into MathML, all of a page in one run:
--   pandoc lua offline.lua < request.json > results.json
--
-- A piece has `text`, `format` (a Pandoc reader) and `endless` (if it is to be shown as it is);
-- its result has `html` and `problems`. A formula has `tex`, if it can be set, and `display`;
-- its result has `html`, or a `problem`.

local request = pandoc.json.decode(io.read("a"))
local options = { html_math_method = "mathml", wrap_text = "none", highlight_method = "none" }

local function formula(given)
  local kind = given.display and "DisplayMath" or "InlineMath"
  local document = pandoc.Pandoc { pandoc.Plain { pandoc.Math(kind, given.tex or "") } }
  local messages, html = pandoc.log.silence(pandoc.write, document, "html", options)
  return { html = html, problem = messages[1] and messages[1].message }
end

local function page(piece)
  local document = pandoc.read(piece.text, piece.format, nil, {}) -- no file is open to it
  return { html = pandoc.write(document, "html", options), problems = pandoc.List() }
end

local function as_it_is(piece, reason)
  local document = pandoc.Pandoc { pandoc.CodeBlock(piece.text) }
  local problem = "shown as its source, for Pandoc fails: " .. tostring(reason)
  return { html = pandoc.write(document, "html"), problems = pandoc.List { problem } }
end

local function convert(piece, number)
  io.stderr:write("piece ", number - 1, "\n") -- so that it is known if it never finishes
  if piece.endless then return as_it_is(piece, "it never finishes") end
  local well, result = pcall(page, piece)
  return well and result or as_it_is(piece, result)
end

io.write(pandoc.json.encode {
  formulas = pandoc.List(request.formulas):map(formula),
  pieces = pandoc.List(request.pieces):map(convert),
})
