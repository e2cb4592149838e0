/**
 * Search engines that say from where they come: the name in the User-Agent counts only together with one of
 * these networks, as anybody can write the name. The lists are those the engines publish
 * (developers.google.com/search/apis/ipranges/googlebot.json, www.bing.com/toolbox/bingbot.json,
 * search.developer.apple.com/applebot.json), joined to the networks they lie in; `engines` in the
 * configuration adds others and newer ones.
 */
export const engineNames: StaticArray<string> = ['googlebot', 'bingbot', 'applebot'];

export const engineNetworks: StaticArray<string> = [
  '66.249.64.0/19 2001:4860:4801::/48',
  '13.66.139.0/24 40.77.139.0/25 40.77.167.0/24 40.77.188.0/22 52.167.144.0/24 157.55.39.0/24 207.46.13.0/24',
  '17.22.237.0/24 17.22.245.0/24 17.22.253.0/24 17.241.75.0/24 17.241.208.0/22 17.241.219.0/24 17.241.227.0/24 17.246.15.0/24 17.246.19.0/24 17.246.23.0/24',
];
