-- Turns pieces of text into Typst, all of a document in one run:
--   pandoc lua markup.lua < request.json > results.json
--
-- A piece has `text`, `format` (a Pandoc reader), `heading_shift` (by how many levels its
-- headings are lowered), `keep_with_next` (whether its last paragraph stays on the page of what
-- follows) and `endless` (whether to show its source). Its result has `typst`, `problems`
-- (what could not be shown as it was meant) and
--   images   their addresses: the Typst speaks of images.at(0) and so on; those numbered in
--            `missing_alt` have no description
--   codes    likewise, the `text` and `language` of each
--   titles   of level 1: the words around formulas
--   anchors  what links can go to, and `links` those that do; but a link to one of the
--            request's `labels` shows the number of what has it
--
-- A formula has `source` (how it was written) and, if it can be set, `typst`, with TeX for
-- single symbols between two of the request's `mark`. Its result has a `problem` if it is shown
-- as its source. In a text, a number between two marks takes the place of the formula with that
-- number (from 0).
--
-- That is if the request's `to` is "typst". If it is "html", the result of a piece of Markdown is
-- its `html`, if there is any in it, and the `problems` of that. If it is "page", that of any
-- piece is its `html`; a formula has `tex` and `display` and becomes `html` in MathML.

local request = pandoc.json.decode(io.read("a"))
local key = request.mark .. "(%d+)" .. request.mark
local formulas = pandoc.List(request.formulas)
local labels = pandoc.List(request.labels)
local no_files = {} -- Pandoc's readers may open no files, whatever a notebook asks for

local writer = { wrap_text = "none", html_math_method = "mathml", highlight_method = "none" }
-- Without "smart", quotes and dashes are written as what they are by now, and Typst need
-- not guess: in (a)'s it would take the apostrophe for an opening quote.
local format = { format = "typst", extensions = { smart = false } }

local function raw(typst) return pandoc.RawInline("typst", typst) end

local escapes = { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n", ["\t"] = "\\t" }
local function literal(text) return '"' .. text:gsub('[\\"\n\t]', escapes) .. '"' end

local function unset(source) return "#unset(" .. literal(source) .. ")" end

-- ---- Formulas --------------------------------------------------------------------------

-- A formula as Pandoc writes it, and its message if there is something it does not know.
local function written(math, form)
  local document = pandoc.Pandoc { pandoc.Plain { math } }
  local messages, text = pandoc.log.silence(pandoc.write, document, form, writer)
  return text, messages[1] and messages[1].message
end

local symbols = {} -- the Typst of each symbol in TeX, and Pandoc's message if it has none

local function symbol(tex)
  if not symbols[tex] then
    local typst, problem = written(pandoc.Math("InlineMath", tex), format)
    symbols[tex] = { typst = typst:match("^%s*%$%s*(.-)%s*%$%s*$"), problem = problem }
  end
  return symbols[tex]
end

-- Fills in the formula's Typst. One with a symbol that Pandoc does not know is shown as its
-- source, with a message that ends in what it stumbled over.
local function convert_formula(formula)
  if request.to == "page" then
    local kind = formula.display and "DisplayMath" or "InlineMath"
    local html, problem = written(pandoc.Math(kind, formula.tex or ""), "html")
    return { html = html, problem = problem }
  end
  local problem
  local typst = (formula.typst or ""):gsub(request.mark .. "(.-)" .. request.mark, function(tex)
    problem = problem or symbol(tex).problem
    return symbol(tex).typst
  end)
  local source = formula.source:gsub("^%s+", ""):gsub("%s+$", ""):gsub("%s+", " ")
  formula.typst = not problem and formula.typst and typst or unset(source)
  return { problem = problem }
end

-- The words and the formulas of some text.
local function parts_of(text)
  local parts, start = pandoc.List(), 1
  for from, number, to in text:gmatch("()" .. key .. "()") do
    parts:extend { text:sub(start, from - 1), formulas[number + 1] }
    start = to
  end
  parts:insert(text:sub(start))
  return parts
end

-- In code and addresses, there are dollars instead of formulas.
local function as_written(text)
  return (text:gsub(key, function(number)
    return formulas[number + 1] and formulas[number + 1].source
  end))
end

-- ---- Text ------------------------------------------------------------------------------

local function wrapped(name, blocks)
  local result = pandoc.List { pandoc.RawBlock("typst", "#" .. name .. "[") }
  result:extend(blocks)
  result:insert(pandoc.RawBlock("typst", "]"))
  return result
end

-- Keep each paragraph on the page of the code after it, or of what it ends with a colon
-- for: a list, or with keep_with_next, what comes after the piece.
local function keep_together(blocks, keep_with_next)
  local kept = pandoc.List()
  for number, block in ipairs(blocks) do
    local after = blocks[number + 1]
    local code = after and after.t == "RawBlock" and after.text:match("^#code")
    local colon = (after or keep_with_next) and pandoc.utils.stringify(block):match(":$")
    local leads_on = block.t == "Para" and (code or colon)
    kept:extend(leads_on and wrapped("lead-in", { block }) or { block })
  end
  return kept
end

-- A formula, or words. What is not a dash or an ellipsis by now must not become one, nor a
-- mark of a list or a heading; and after a call of Typst's, as in $x$.shape, a full stop must
-- not ask for a field of its result.
local function inlines_of(part)
  if part.typst then return { raw(part.typst) } end
  if part:find("^[-+/]$") or part:find("^=+$") or part:find("^%d+%.$") then
    return { raw("\\" .. part) }
  end
  local misread = part:find("%-%-") or part:find("%.%.%.") or part:find("^%.")
  if not misread then return { pandoc.Str(part) } end
  local inlines = pandoc.List()
  for words, character in part:gmatch("([^%-%.]*)([%-%.]?)") do
    inlines:extend { pandoc.Str(words), raw(character ~= "" and "\\" .. character or "") }
  end
  return inlines
end

-- A table that is made to fit on its page.
local function fitted(table)
  table.identifier = ""
  local typst = pandoc.write(pandoc.Pandoc { table }, format, writer)
  return pandoc.RawBlock("typst", (typst:gsub("#table%(", "#fitted(", 1)))
end

-- Whether the first letter of some words is Hebrew, Arabic or the like.
local function right_to_left(words)
  for _, code in utf8.codes(words) do
    if code >= 0x590 and code <= 0x8ff or code >= 0xfb1d and code <= 0xfeff then return true end
    if code > 0xbf or string.char(code):match("%a") then return false end
  end
end

-- Whether a list begins with "1.".
local function is_plain(list)
  local kind = list.start .. list.style .. list.delimiter
  return kind == "1DecimalPeriod" or kind == "1DefaultStyleDefaultDelim"
end

-- A list in which plain lists begin with "1.": by itself, Typst would go on as it began.
local function numbered(list)
  local numbers = pandoc.RawBlock("typst", '#set enum(numbering: "1.", start: 1)')
  return not is_plain(list) and list:walk { OrderedList = function(inner)
    return is_plain(inner) and wrapped("block", { numbers, inner }) or nil
  end } or nil
end

local function in_its_direction(block)
  if right_to_left(pandoc.utils.stringify(block)) then return wrapped("rtl", { block }) end
end

-- A Div would be no wider than its text: its blocks, as they are placed on the screen.
local function unfolded(div)
  local style = div.attributes.style or ""
  local blocks = div.content:map(function(block)
    return block.t == "Plain" and pandoc.Para(block.content) or block
  end)
  local ink, paper = div.attributes["typst:text:fill"], div.attributes["typst:fill"]
  if ink then blocks = wrapped("text(fill: " .. ink .. ")", blocks) end
  if paper then blocks = wrapped("block(width: 100%, inset: 6pt, fill: " .. paper .. ")", blocks) end
  if div.classes:includes("alert") then return pandoc.BlockQuote(blocks) end
  for _, side in ipairs { "center", "right" } do
    if div.attributes.align == side or style:match("text%-align:%s*" .. side) then
      return wrapped("align(" .. side .. ")", blocks)
    end
  end
  if div.attributes.dir == "rtl" then return wrapped("rtl", blocks) end
  return blocks
end

-- The width and height of an image, at 96 pixels to the inch.
local function sizes(attributes)
  local style, found = " " .. (attributes.style or ""), ""
  for _, side in ipairs { "width", "height" } do
    local size = attributes[side] or style:match("[%s;]" .. side .. "%s*:%s*([^;]+)") or ""
    local number, unit = size:match("^%s*([%d.]+)%s*([%a%%]*)%s*$")
    if tonumber(number) and (unit == "" or unit == "px") then
      found = found .. ", " .. side .. ": " .. number * 0.75 .. "pt"
    elseif tonumber(number) and (unit == "em" or unit == "%" and side == "width") then
      found = found .. ", " .. side .. ": " .. number .. unit
    end
  end
  return found
end

local open = pandoc.List() -- the written levels of the headings that the next may be below

local function read(piece)
  local document = pandoc.read(piece.text, piece.format, nil, no_files)
  if piece.format ~= "html" then return document end
  return document:walk {
    -- An escaped dollar is a dollar, in words.
    Str = function(str) return pandoc.Str((str.text:gsub("\\%$", "$"))) end,
    Div = function(div)
      if not div.classes:includes("one-paren") then return end
      div.content[1].delimiter = "OneParen"
      return div.content
    end,
  }
end

-- The heading as Typst knows it; its words go into the result.
local function heading(header, heading_shift, result)
  local pictures_apart = header:walk { Image = function() return {} end }
  local words = pandoc.utils.stringify(pictures_apart)
  if not words:match("%S") then return pandoc.Para(header.content) end
  -- In the PDF's outline, a title would be cut off at a line break.
  header = header:walk { LineBreak = function() return pandoc.Space() end }
  local written = header.level + heading_shift
  -- The PDF must skip no level, though people do: a ### right after a # is on level 2.
  while #open > 0 and open[#open] >= written do open:remove() end
  open:insert(written)
  header.level = #open
  if header.level == 1 then
    result.titles:insert(parts_of(words):filter(function(part) return not part.typst end))
  end
  result.anchors:insert((words:gsub(" ", "-")))
  header.identifier = "" -- cells are typeset apart: labels could clash
  local blocks = pandoc.List { header }
  if written > 1 then blocks = wrapped(("as-on-level(%d)"):format(written), blocks) end
  return right_to_left(words) and wrapped("rtl", blocks) or blocks
end

-- The blocks, with a new page where people ask a printer or LaTeX for one.
local function with_page_breaks(blocks)
  local page_break, done = pandoc.RawBlock("typst", "#pagebreak(weak: true)"), pandoc.List()
  for _, block in ipairs(blocks) do
    local style = block.t == "Div" and block.attributes.style or ""
    local words = block.t == "Para" and pandoc.utils.stringify(block) or ""
    local command = pandoc.List { "\\newpage", "\\pagebreak", "\\clearpage" }:includes(words)
    local function asks(side) return style:match("break%-" .. side .. ":%s*always") end
    if asks("before") then done:insert(page_break) end
    if not command then done:insert(block) end
    if command or asks("after") then done:insert(page_break) end
  end
  return done
end

local names, notes = {}, 0 -- of the notes of a piece, and how many there are in all

-- A note that is cited a second time is printed once.
local function once(note)
  local name = names[tostring(note)]
  if name then return raw("#footnote(" .. name .. ")") end
  notes = notes + 1
  names[tostring(note)] = "<note-" .. notes .. ">"
  return { note, raw(names[tostring(note)]) }
end

local function new_result()
  local result = {}
  for name in ("images codes titles links anchors missing_alt problems"):gmatch("%S+") do
    result[name] = pandoc.List() -- is an array in JSON even when it is empty
  end
  return result
end

-- Code or a formula that Pandoc does not understand, as its source.
local function as_source(element, problems)
  local source, is_block = as_written(element.text), element.t == "RawBlock"
  local kind = element.t == "Math" and "a formula" or element.format .. " code"
  problems:insert(kind .. " is shown as its source: " .. source)
  if element.t == "Math" then source = "$" .. source .. "$" end
  if request.to == "page" then return (is_block and pandoc.CodeBlock or pandoc.Code)(source) end
  return is_block and pandoc.RawBlock("typst", unset(source)) or raw(unset(source))
end

local function name_diagram(block, problems)
  if block.classes:includes("mermaid") then
    problems:insert("a diagram in mermaid is shown as its source")
  end
end

local function cited(cite)
  local names = cite.citations:map(function(citation) return citation.id end)
  return pandoc.Str("[" .. table.concat(names, ", ") .. "]")
end

local function convert(piece)
  local result = new_result()
  local document = read(piece)
  local function lost(element)
    if element.text:match("^%s*<style") or element.text:match("^%s*<!%-%-") then return {} end
    return as_source(element, result.problems)
  end
  document = document:walk { RawInline = lost, RawBlock = lost }
  document.blocks = with_page_breaks(document.blocks)
  names = {}
  document = document:walk { Div = unfolded, OrderedList = numbered, Note = once }
  -- In a list, a quotation or a table, a heading does not begin a section.
  local in_bold = { Header = function(header) return pandoc.Para { pandoc.Strong(header.content) } end }
  document.blocks = document.blocks:map(function(block)
    return block.t == "Header" and block or block:walk(in_bold)
  end)
  document = document:walk {
    Header = function(header) return heading(header, piece.heading_shift, result) end,
    Para = in_its_direction,
    BulletList = in_its_direction,
    OrderedList = in_its_direction,
    Span = function(span)
      result.anchors:insert(span.identifier)
      span.identifier = ""
      local paper = span.attributes["typst:fill"]
      if not paper then return span end
      return { raw("#highlight(fill: " .. paper .. ")["), span, raw("]") }
    end,
    Link = function(link)
      local name = link.target:match("^#(.+)$")
      if labels:includes(name) then return raw("#number-of(" .. literal(name) .. ")") end
      result.links:insert(name)
      -- Between headings or notebooks, a link has no target on paper.
      if not link.target:match("^%a[%w+.-]*:") then return link.content end
      link.target = as_written(link.target)
      return link
    end,
    Math = function(math) -- of MathML or of a table in LaTeX; the others are not Math by now
      local typst, problem = written(math, format)
      if problem then return as_source(math, result.problems) end
      local alt = "#set math.equation(alt: " .. literal((math.text:gsub("%s+", " "))) .. ");"
      return raw("#[" .. alt .. typst:gsub("%s+$", "") .. "]")
    end,
    Cite = cited,
    Code = function(code) code.text = as_written(code.text) return code end,
    CodeBlock = function(block)
      local language = block.classes[#block.classes] or "text"
      name_diagram(block, result.problems)
      result.codes:insert({ text = as_written(block.text), language = language })
      return pandoc.RawBlock("typst", "#code(..codes.at(" .. #result.codes - 1 .. "))")
    end,
  }
  document.blocks = keep_together(document.blocks, piece.keep_with_next)
  document = document:walk {
    traverse = "topdown",
    Str = function(str)
      local inlines = pandoc.List()
      for _, part in ipairs(parts_of(str.text)) do inlines:extend(inlines_of(part)) end
      return inlines, false
    end,
    Image = function(image) -- Pandoc's own would lose the alternative text
      result.images:insert(as_written(image.src))
      local words = as_written(pandoc.utils.stringify(image.caption))
      local arguments = "images.at(" .. #result.images - 1 .. ")"
      if words:match("%S") then
        arguments = arguments .. ", alt: " .. literal(words)
      elseif image.attributes.decorative then
        arguments = arguments .. ", decorative: true"
      else
        result.missing_alt:insert(#result.images - 1)
      end
      return raw("#picture(" .. arguments .. sizes(image.attributes) .. ")"), false
    end,
  }
  document = document:walk { Table = fitted }
  result.typst = pandoc.write(document, format, writer)
  return result
end

-- ---- To HTML ---------------------------------------------------------------------------

local function to_html(piece)
  local has_html, problems = request.to == "page", pandoc.List()
  if piece.format == "html" then return { html = piece.text, problems = problems } end
  local function look(element)
    if element.format ~= "html" then return as_source(element, problems) end
    has_html = true
    local comment = element.text:match("^.*<!%-%-(.*)$")
    if not comment or comment:find("-->", 1, true) then return end
    problems:insert("a comment has no end: <!--" .. comment)
    element.text = element.text .. "-->" -- or it would hide all that follows
    return element
  end
  local document = pandoc.read(piece.text, piece.format, nil, no_files)
  document = document:walk {
    RawBlock = look,
    RawInline = look,
    Cite = cited,
    CodeBlock = function(block) if request.to == "page" then name_diagram(block, problems) end end,
    Math = function(math) -- of LaTeX: the others are not Math by now
      local _, problem = written(math, "html")
      return problem and as_source(math, problems)
    end,
    OrderedList = function(list) -- which in HTML has no parentheses
      local marked = request.to == "html" and list.delimiter == "OneParen"
      return marked and pandoc.Div(list, { class = "one-paren" }) or nil
    end,
  }
  return { html = has_html and pandoc.write(document, "html", writer), problems = problems }
end

-- ---- The request -----------------------------------------------------------------------

-- A piece that cannot be converted, as it was written.
local function as_it_is(piece, reason)
  local result, source = new_result(), as_written(piece.text)
  result.typst = "#code(..codes.at(0))"
  result.codes:insert({ text = source, language = "text" })
  result.problems:insert("shown as its source, for Pandoc fails: " .. as_written(tostring(reason)))
  local block = pandoc.Pandoc { pandoc.CodeBlock(source) }
  result.html = request.to == "page" and pandoc.write(block, "html")
  return result
end

local results = { formulas = formulas:map(convert_formula) }
results.pieces = pandoc.List(request.pieces):map(function(piece, number)
  io.stderr:write("piece ", number - 1, "\n") -- names the piece if Pandoc never finishes
  if piece.endless then return as_it_is(piece, "it never finishes") end
  local well, result = pcall(request.to == "typst" and convert or to_html, piece)
  return well and result or as_it_is(piece, result)
end)
io.write(pandoc.json.encode(results))
