-- Turns pieces of text into Typst, all of a write-up in one run:
--   pandoc lua markup.lua < request.json > results.json
--
-- A number between two of the request's `mark`, which is in no text otherwise, stands for the
-- formula of that number (from 0), or in its TeX for one of its stand-ins.
-- A formula has `tex`, `stand_ins` (with `typst`, and `tight` if that takes no space on either
-- side), `display`, `alt` (its description, as Typst) and `source` (how it was written).
-- A piece has `text`, `format` (a Pandoc reader), `lower` (by how many levels its headings
-- are lowered) and `leads` (whether its last words can lead to what follows). Its result has
-- `typst`, `images` and `codes` (for its `images.at(0)` and so on), and `titles` (of level 1,
-- the words around formulas). Each result has a `problem` if anything would be lost.
-- A link to one of the `labels` shows the number of what is there; `links` are those to
-- anything else in the document, and `anchors` what there is besides.

local request = pandoc.json.decode(io.read("a"))
local key = request.mark .. "(%d+)" .. request.mark
local formulas = request.formulas
local labels = pandoc.List(request.labels)

local writer = { wrap_text = "none" }
-- Without "smart", quotes and dashes are written as what they are by now, and Typst need
-- not guess: in (a)'s it would take the apostrophe for an opening quote.
local format = { format = "typst", extensions = { smart = false } }

local function raw(typst) return pandoc.RawInline("typst", typst) end

-- ---- Formulas --------------------------------------------------------------------------

-- Fills in the formula's Typst. One that Pandoc cannot convert is left as TeX, with a
-- message that ends in what it stumbled over.
local function convert_formula(formula)
  local kind = formula.display and "DisplayMath" or "InlineMath"
  local document = pandoc.Pandoc { pandoc.Plain { pandoc.Math(kind, formula.tex) } }
  local typst
  local messages = pandoc.log.silence(function()
    typst = pandoc.write(document, format, writer)
  end)
  if messages[1] then return { problem = messages[1].message } end
  typst = typst:match("^%s*%$%s*(.-)%s*%$%s*$")
    :gsub('( ?)upright%("' .. key .. '"%)( ?)', function(before, number, after)
      local stand_in = formula.stand_ins[number + 1]
      return stand_in.tight and stand_in.typst or before .. stand_in.typst .. after
    end)
  if typst:find(request.mark, 1, true) then
    return { problem = "a construct where Typst has no room for it" }
  end
  formula.typst = "$" .. typst .. "$"
  if formula.display then -- with a description, to be read out
    formula.typst = "#[#set math.equation(alt: " .. formula.alt .. "); $ " .. typst .. " $]"
  end
  return {}
end

-- The words before, between and after formulas; and the formulas.
local function parts_of(words)
  local parts, found, start = pandoc.List(), pandoc.List(), 1
  for from, number, to in words:gmatch("()" .. key .. "()") do
    parts:insert(words:sub(start, from - 1))
    found:insert(formulas[number + 1])
    start = to
  end
  parts:insert(words:sub(start))
  return parts, found
end

-- Where there are no formulas, as in code and addresses, dollars are dollars.
local function as_written(text)
  return (text:gsub(key, function(number) return formulas[number + 1].source end))
end

-- ---- Text ------------------------------------------------------------------------------

local function has_html(document)
  local found = false
  local function look(element) found = found or element.format == "html" end
  document:walk { RawBlock = look, RawInline = look }
  return found
end

-- Keep each paragraph on the page of the code after it, or of what it ends with a colon
-- for: a list, or if the piece leads to it, what comes next.
local function keep_together(blocks, leads)
  local kept = pandoc.List()
  for number, block in ipairs(blocks) do
    local after = blocks[number + 1]
    local colon = block.t == "Para" and pandoc.utils.stringify(block):match(":$")
    if block.t == "Para"
      and ((after and after.t == "RawBlock") or (colon and (after or leads))) then
      kept:insert(pandoc.RawBlock("typst", "#lead-in["))
      kept:insert(block)
      kept:insert(pandoc.RawBlock("typst", "]"))
    else
      kept:insert(block)
    end
  end
  return kept
end

-- What is no dash or ellipsis by now must not become one.
local function insert_words(inlines, words)
  if not (words:find("--", 1, true) or words:find("...", 1, true)) then
    inlines:insert(pandoc.Str(words))
    return
  end
  for part, sign in words:gmatch("([^%-%.]*)([%-%.]?)") do
    inlines:insert(pandoc.Str(part))
    if sign ~= "" then inlines:insert(raw("\\" .. sign)) end
  end
end

local function convert(piece)
  local document = pandoc.read(piece.text, piece.format)
  if has_html(document) then
    -- Typst's writer drops raw HTML; the HTML reader understands it.
    document = pandoc.read(pandoc.write(document, "html"), "html")
  end
  local images, codes, titles = pandoc.List(), pandoc.List(), pandoc.List()
  local links, anchors = pandoc.List(), pandoc.List()
  local problem
  local function lost(element)
    if element.text:match("^%s*<style") then return {} end -- as with every pandas table
    problem = element.format .. " code: " .. as_written(element.text)
  end
  document = document:walk { RawInline = lost, RawBlock = lost }
  document = document:walk {
    Header = function(header)
      header.level = header.level + piece.lower
      if header.level == 1 then
        titles:insert((parts_of(pandoc.utils.stringify(header))))
      end
      anchors:insert((pandoc.utils.stringify(header):gsub(" ", "-")))
      header.identifier = "" -- cells are typeset apart: labels could clash
      return header
    end,
    Div = function(div) return div.content end, -- would be no wider than its text
    Span = function(span)
      anchors:insert(span.identifier)
      span.identifier = ""
      return span
    end,
    Link = function(link)
      local name = link.target:match("^#(.+)$")
      if labels:includes(name) then
        return raw("#number-of(" .. pandoc.json.encode(name) .. ")")
      end
      links:insert(name)
      -- Between headings or notebooks, a link has no target on paper.
      if not link.target:match("^%a[%w+.-]*:") then return link.content end
      link.target = as_written(link.target)
      return link
    end,
    Code = function(code) code.text = as_written(code.text) return code end,
    CodeBlock = function(block)
      local language = block.classes[1] or "text"
      codes:insert({ text = as_written(block.text), language = language })
      return pandoc.RawBlock("typst", "#code(..codes.at(" .. #codes - 1 .. "))")
    end,
  }
  document.blocks = keep_together(document.blocks, piece.leads)
  document = document:walk {
    traverse = "topdown",
    Str = function(str)
      local parts, found = parts_of(str.text)
      local inlines = pandoc.List()
      for number, words in ipairs(parts) do
        insert_words(inlines, words)
        if found[number] then inlines:insert(raw(found[number].typst)) end
      end
      return inlines, false
    end,
    Image = function(image) -- Pandoc's own would lose the alternative text
      images:insert(as_written(image.src))
      local words = as_written(pandoc.utils.stringify(image.caption))
      local arguments = "images.at(" .. #images - 1 .. "), alt: " .. pandoc.json.encode(words)
      if (image.attributes.width or ""):match("^%d+$") then -- pixels, 96 to the inch
        arguments = arguments .. ", width: " .. image.attributes.width * 0.75 .. "pt"
      end
      return raw("#picture(" .. arguments .. ")"), false
    end,
  }
  return {
    typst = pandoc.write(document, format, writer),
    images = images,
    codes = codes,
    titles = titles,
    links = links,
    anchors = anchors,
    problem = problem,
  }
end

-- A list is an array in JSON even when it is empty.
local results = { formulas = pandoc.List(), pieces = pandoc.List() }
for _, formula in ipairs(formulas) do results.formulas:insert(convert_formula(formula)) end
if not results.formulas:find_if(function(result) return result.problem end) then
  for _, piece in ipairs(request.pieces) do results.pieces:insert(convert(piece)) end
end
io.write(pandoc.json.encode(results))
